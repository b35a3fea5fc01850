#include "shim/filter.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace wswrap::filter {
namespace {

// The parts of an instruction's code (linux/bpf_common.h).
enum Class : unsigned { ld, ldx, st, stx, alu, jmp, ret, misc };
enum Mode : unsigned { imm = 0x00, abs = 0x20, mem = 0x60, len = 0x80 };
enum Operation : unsigned {
  add = 0x00,
  sub = 0x10,
  mul = 0x20,
  div = 0x30,
  or_ = 0x40,
  and_ = 0x50,
  lsh = 0x60,
  rsh = 0x70,
  neg = 0x80,
  xor_ = 0xa0,
};
enum Condition : unsigned { ja = 0x00, jeq = 0x10, jgt = 0x20, jge = 0x30 };
constexpr unsigned by_index = 0x08;  // the operand is the index register
constexpr unsigned return_accumulator = 0x10;
constexpr unsigned txa = 0x80;

constexpr unsigned class_of(const Instruction& instruction) { return instruction.code & 0x07; }
constexpr unsigned mode_of(const Instruction& instruction) { return instruction.code & 0xe0; }
constexpr unsigned operation_of(const Instruction& instruction) { return instruction.code & 0xf0; }

// One run of a program: an accumulator, an index register and sixteen words of memory.
class Machine {
 public:
  explicit Machine(const Call& call) : call_(call) {}

  // Performs an instruction that neither jumps nor returns. False if there is no such instruction.
  bool step(const Instruction& instruction) {
    switch (class_of(instruction)) {
      case ld:
        return load(instruction, accumulator_);
      case ldx:
        return load(instruction, index_);
      case st:
        memory_[instruction.constant % memory_.size()] = accumulator_;
        return true;
      case stx:
        memory_[instruction.constant % memory_.size()] = index_;
        return true;
      case alu:
        return compute(operation_of(instruction), operand(instruction));
      case misc:
        if ((instruction.code & txa) != 0) {
          accumulator_ = index_;
        } else {
          index_ = accumulator_;
        }
        return true;
      default:
        return false;
    }
  }

  // How many instructions a jump skips.
  std::uint32_t skipped(const Instruction& jump) const {
    if (operation_of(jump) == ja) return jump.constant;
    return holds(operation_of(jump), operand(jump)) ? jump.jump_if_true : jump.jump_if_false;
  }

  std::uint32_t result(const Instruction& instruction) const {
    return (instruction.code & return_accumulator) != 0 ? accumulator_ : instruction.constant;
  }

 private:
  std::uint32_t operand(const Instruction& instruction) const {
    return (instruction.code & by_index) != 0 ? index_ : instruction.constant;
  }

  bool load(const Instruction& instruction, std::uint32_t& target) {
    switch (mode_of(instruction)) {
      case imm:
        target = instruction.constant;
        return true;
      case len:
        target = sizeof call_;
        return true;
      case mem:
        target = memory_[instruction.constant % memory_.size()];
        return true;
      case abs:
        if (instruction.constant > sizeof call_ - sizeof target) return false;
        std::memcpy(&target, reinterpret_cast<const std::byte*>(&call_) + instruction.constant,
                    sizeof target);
        return true;
      default:
        return false;
    }
  }

  bool compute(unsigned operation, std::uint32_t value) {
    switch (operation) {
      case add:
        accumulator_ += value;
        return true;
      case sub:
        accumulator_ -= value;
        return true;
      case mul:
        accumulator_ *= value;
        return true;
      case div:
        if (value == 0) return false;
        accumulator_ /= value;
        return true;
      case and_:
        accumulator_ &= value;
        return true;
      case or_:
        accumulator_ |= value;
        return true;
      case xor_:
        accumulator_ ^= value;
        return true;
      case lsh:
        accumulator_ = value < 32 ? accumulator_ << value : 0;
        return true;
      case rsh:
        accumulator_ = value < 32 ? accumulator_ >> value : 0;
        return true;
      case neg:
        accumulator_ = 0 - accumulator_;
        return true;
      default:
        return false;
    }
  }

  bool holds(unsigned condition, std::uint32_t value) const {
    switch (condition) {
      case jeq:
        return accumulator_ == value;
      case jgt:
        return accumulator_ > value;
      case jge:
        return accumulator_ >= value;
      default:
        return (accumulator_ & value) != 0;  // jset
    }
  }

  const Call& call_;
  std::uint32_t accumulator_ = 0;
  std::uint32_t index_ = 0;
  std::array<std::uint32_t, 16> memory_{};
};

}  // namespace

std::uint32_t evaluate(std::span<const Instruction> program, const Call& call) {
  Machine machine(call);
  // Jumps only lead forward.
  for (std::size_t at = 0; at < program.size(); ++at) {
    const Instruction& instruction = program[at];
    if (class_of(instruction) == ret) return machine.result(instruction);
    if (class_of(instruction) == jmp) {
      at += machine.skipped(instruction);
    } else if (!machine.step(instruction)) {
      break;
    }
  }
  return kill_process;
}

bool permits(std::uint32_t action) {
  // Of several actions the kernel takes the least, as a signed number: those that stop the call
  // come first, and an errno in its place is the last of them.
  return static_cast<std::int32_t>(action & action_part) > static_cast<std::int32_t>(return_errno);
}

}  // namespace wswrap::filter
