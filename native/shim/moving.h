// sendfile(2) and splice(2): payload that goes between a connection and a file or pipe.
//
// Towards the client the kernel moves the bytes, right behind a header that we send: they are never
// copied. Where the payload has to be changed on its way (base64, text), and from files whose size
// is not known, it passes through memory. From the client it always does, because it is masked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/result.h"

namespace wswrap::moving {

// sendfile(2) to a connection.
Result send_file(int fd, std::uint32_t index, int file, std::int64_t* offset, std::size_t count);

// splice(2) from a pipe to a connection, without offsets. `flags` as there.
Result splice_out(int pipe, int fd, std::uint32_t index, std::size_t size, unsigned flags);

// splice(2) from a connection to a pipe, without offsets. Takes no more than the pipe holds.
Result splice_in(int fd, std::uint32_t index, int pipe, std::size_t size, unsigned flags);

// True if the descriptor is an end of a pipe.
bool is_pipe(int fd);

}  // namespace wswrap::moving
