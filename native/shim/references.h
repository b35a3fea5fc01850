// Which descriptors of this process stand for which connection record.
//
// A process holds a record as long as one of its descriptors stands for it; the records' holders
// (arena.h) are processes. The last close of the last holder ends the connection.
#pragma once

#include <cstdint>

namespace wswrap::references {

// `fd` stands for the record from now on; the process is (or becomes) a holder.
void add(int fd, std::uint32_t index);

// `fd` is about to be closed or replaced. Returns true if it was the last one that any living
// process had: the caller ends the connection.
bool drop(int fd, std::uint32_t index);

bool stands_for(int fd, std::uint32_t index);

// How many descriptors of this process stand for the record.
std::uint32_t count_for(std::uint32_t index);

// The number of the connection that the record was for when this process joined its holders. (What
// the record itself says may be anybody's.)
std::uint32_t number_of(std::uint32_t index);

// fork: a place is kept for the child before it exists, so that a parent that closes at once is not
// taken for the last holder. Returns the reservation.
std::uint32_t before_fork();
void on_failed_fork(std::uint32_t reservation);
// A child that is killed at once has not claimed its place: its parent does it, too.
void after_fork_in_parent(std::uint32_t reservation, std::uint32_t child);
void after_fork_in_child(std::uint32_t reservation);

}  // namespace wswrap::references
