#include "shim/filter.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace wswrap::filter {
namespace {

// One run of a program: an accumulator, an index register and sixteen words of memory.
class Machine {
 public:
  explicit Machine(const seccomp_data& call) : call_(call) {}

  // Performs an instruction that neither jumps nor returns. False if there is no such instruction.
  bool step(const sock_filter& instruction) {
    const std::uint32_t k = instruction.k;
    switch (BPF_CLASS(instruction.code)) {
      case BPF_LD:
        return load(instruction, accumulator_);
      case BPF_LDX:
        return load(instruction, index_);
      case BPF_ST:
        memory_[k % memory_.size()] = accumulator_;
        return true;
      case BPF_STX:
        memory_[k % memory_.size()] = index_;
        return true;
      case BPF_ALU:
        return compute(BPF_OP(instruction.code), operand(instruction));
      case BPF_MISC:
        if (BPF_MISCOP(instruction.code) == BPF_TAX) {
          index_ = accumulator_;
        } else {
          accumulator_ = index_;
        }
        return true;
      default:
        return false;
    }
  }

  // How many instructions a jump skips.
  std::uint32_t skipped(const sock_filter& jump) const {
    if (BPF_OP(jump.code) == BPF_JA) return jump.k;
    return holds(BPF_OP(jump.code), operand(jump)) ? jump.jt : jump.jf;
  }

  std::uint32_t result(const sock_filter& instruction) const {
    return BPF_RVAL(instruction.code) == BPF_A ? accumulator_ : instruction.k;
  }

 private:
  std::uint32_t operand(const sock_filter& instruction) const {
    return BPF_SRC(instruction.code) == BPF_X ? index_ : instruction.k;
  }

  bool load(const sock_filter& instruction, std::uint32_t& target) {
    switch (BPF_MODE(instruction.code)) {
      case BPF_IMM:
        target = instruction.k;
        return true;
      case BPF_LEN:
        target = sizeof call_;
        return true;
      case BPF_MEM:
        target = memory_[instruction.k % memory_.size()];
        return true;
      case BPF_ABS:
        if (instruction.k > sizeof call_ - sizeof target) return false;
        std::memcpy(&target, reinterpret_cast<const std::byte*>(&call_) + instruction.k,
                    sizeof target);
        return true;
      default:
        return false;
    }
  }

  bool compute(unsigned operation, std::uint32_t value) {
    switch (operation) {
      case BPF_ADD:
        accumulator_ += value;
        return true;
      case BPF_SUB:
        accumulator_ -= value;
        return true;
      case BPF_MUL:
        accumulator_ *= value;
        return true;
      case BPF_DIV:
        if (value == 0) return false;
        accumulator_ /= value;
        return true;
      case BPF_AND:
        accumulator_ &= value;
        return true;
      case BPF_OR:
        accumulator_ |= value;
        return true;
      case BPF_XOR:
        accumulator_ ^= value;
        return true;
      case BPF_LSH:
        accumulator_ = value < 32 ? accumulator_ << value : 0;
        return true;
      case BPF_RSH:
        accumulator_ = value < 32 ? accumulator_ >> value : 0;
        return true;
      case BPF_NEG:
        accumulator_ = 0 - accumulator_;
        return true;
      default:
        return false;
    }
  }

  bool holds(unsigned condition, std::uint32_t value) const {
    switch (condition) {
      case BPF_JEQ:
        return accumulator_ == value;
      case BPF_JGT:
        return accumulator_ > value;
      case BPF_JGE:
        return accumulator_ >= value;
      default:
        return (accumulator_ & value) != 0;  // BPF_JSET
    }
  }

  const seccomp_data& call_;
  std::uint32_t accumulator_ = 0;
  std::uint32_t index_ = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> memory_{};
};

}  // namespace

std::uint32_t evaluate(std::span<const sock_filter> program, const seccomp_data& call) {
  Machine machine(call);
  // Jumps only lead forward.
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& instruction = program[at];
    const unsigned kind = BPF_CLASS(instruction.code);
    if (kind == BPF_RET) return machine.result(instruction);
    if (kind == BPF_JMP) {
      at += machine.skipped(instruction);
    } else if (!machine.step(instruction)) {
      break;
    }
  }
  return SECCOMP_RET_KILL_PROCESS;
}

bool permits(std::uint32_t action) {
  // Of several actions the kernel takes the least, as a signed number: those that stop the call
  // come first, SECCOMP_RET_ERRNO last of them.
  const auto rank = static_cast<std::int32_t>(action & SECCOMP_RET_ACTION_FULL);
  return rank > static_cast<std::int32_t>(SECCOMP_RET_ERRNO);
}

}  // namespace wswrap::filter
