// What stands on the page around the figures: how they were measured, and why some are as they are.

const before = `
What it costs that a server speaks WebSocket: the same server plain, under \`wswrap\`, and behind
proxies, on one machine, over loopback. \`npm run bench\` makes this page anew, in
\`build/bench\`; \`npm run bench -- --quick\` makes a short one in two minutes.
`;

const after = `
## How it is measured

- **The load** is a C++ client (\`test/bench/load.cc\`) that makes its masked frames beforehand and
  uploads them by \`sendfile\`, so that it is not what limits the server. It has the last CPU for
  itself; server and proxy share the others. Its sockets hold 256 KiB in each direction: left to the
  kernel, what is on its way becomes megabytes as soon as a receiver is a little slower than its
  sender, leaves the caches, and whole turns are at two thirds of their speed or not, by chance. On a
  machine of two CPUs a proxy therefore runs on the
  CPU of its server: a rate there is a matter of how much CPU all of them need, and a second worker
  has none to run on.
- **The servers** are one C++ program with four loops (\`test/bench/server.cc\`): a thread for each
  connection that blocks, \`poll\`, and \`epoll\`, level- and edge-triggered. They read 64 KiB at
  once.
- **Rounds**: each contender has a short turn in each round, forth and back, and is compared with
  the reference of the same round. What is shown is the median of the rounds; the spread is from the
  lower to the upper quartile. In ping-pong one client asks all contenders in turn, fifty messages
  each, because what else goes on in a machine changes faster than turns.
- **Awake**: threads of the scheduling class SCHED_IDLE keep all CPUs from sleeping while
  anything is measured; otherwise the time it takes to wake one up would be most of a round trip.
- **CPU seconds** are those of all processes of the server side, proxy and server, by their CPU clocks
  (and of children that have ended, by \`/proc\`).
- **Memory** is what the processes have written to (Private_Dirty in \`/proc/PID/smaps_rollup\`), with
  connections over without, in processes that are new for each count. The server's own allocations
  grow in steps, so that little can be said of few connections.
- **System calls** are counted by strace, **instructions** of the codec by callgrind: these do not
  depend on the machine's speed and can be compared between commits.
- A promise of the contract counts as kept if the better quartile reaches the bound.
  \`npm run bench -- --check\` exits with status 1 if one is broken.

## Why the figures are as they are

- **Uploads of 64 B** in plain TCP are a stream without messages; under wswrap each of them has a
  header of its own to be decoded and a payload to be unmasked.
- **Round trips** cost one system call more than TCP's: a look at what has come, because a server must
  not be woken by bytes that hold no payload. (A server that blocks in \`read\` waits by such a
  look.) It cannot be left out without reading ahead of the server.
- **Uploads** cost a pass over the bytes, the XOR with the masking key, which wswrap does in
  registers of 32 bytes where the processor has them: 0.026 s/GB here. A frame of 64 KiB takes a
  second call besides, for the fourteen bytes that its header displaced: a server that asks for
  64 KiB gets them if they are there, or edge-triggered ones would wait in vain. To ask for both in
  one call after a look that has seen the header showed no gain.
- **Bulk transfers** depend on where memory lies. \`rep movsb\`, by which Linux copies on processors
  with FSRM, takes twenty times as long on this one (0.65 against 0.03 s/GB) if the destination lies
  less than 32 bytes behind the source within the page. What \`malloc\` returns for large buffers begins
  sixteen bytes behind a page, so plain TCP was once measured at a third of its speed, and wswrap at
  twice plain TCP's. Client and server have their buffers in the middle of a page now
  (\`test/bench/buffer.h\`). Programs elsewhere do not choose theirs so, and their speed depends on it,
  wrapped or not.
- **Small echoes through \`poll\` and \`epoll\`** pay that look once for each wait; a server that blocks
  does not, while it finds more to read.
- **An idle connection** has a record of 424 bytes, which all processes of the server share; what is
  above that are its entries in tables: the descriptor's, the record's holder, the epoll's.
- **Connections** are made with a handshake by HTTP before the server's \`accept\` returns, and closed
  with a Close frame each way.
- **Downloads through websockify** need no masking, so that its process does little more than copy;
  most of the CPU time of such a relay is the kernel's, for two more passes through TCP, which a
  proxy cannot save: HAProxy, which does not look at the bytes at all, needs about as much. This is
  why the ratios to it differ so much between the directions; the plain server itself is not ten
  times cheaper there.
- **Calls on descriptors that are not the port's** pass one function more, which looks up a table;
  waits look whether a listener of the port is to be left to other processes, too. What that adds is
  a hundredth to a twentieth of the call. \`fcntl\` has variable arguments, which have to be laid out
  twice.
`;

export const prose = { before, after };
