// Which descriptors another program gets.
#pragma once

namespace wswrap::addon {

// Marks all but standard input, output and error.
void close_others_on_exec();

}  // namespace wswrap::addon
