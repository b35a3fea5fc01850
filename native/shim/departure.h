// What becomes of our descriptors when this process turns into another program (execve(2)).
//
// A program that carries the shim finds its connections and listeners by itself. One that does not
// must get none: its bytes would go out without frames. And a connection whose only descriptor is
// marked close-on-exec is closed now, while somebody can still say so to the client.
#pragma once

namespace wswrap {

class Departure {
 public:
  // Prepares for a program that will carry the shim, if it is given it, or never can.
  explicit Departure(bool carries);
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;

  // True if the program will hold a connection, a listener, or what it may get one by.
  bool holds() const { return holds_; }

  // The program will run without the shim: this process is no holder any more.
  void leave();

  // execve(2) failed: the process is a holder again. What was closed stays closed.
  void undo();

 private:
  void keep(bool is_listener, unsigned record);
  void withhold(int fd, bool is_listener, unsigned record);

  // execve(2) ends the other threads wherever they are. In the middle of a transfer they would
  // leave a record that does not tell where in the stream its connection is, so from here on nobody
  // transfers anything. The program that comes finds the locks to be of threads that are gone.
  void halt();
  void resume();

  const bool borrowed_;
  bool holds_ = false;
  bool left_ = false;
  bool halted_ = false;
};

}  // namespace wswrap
