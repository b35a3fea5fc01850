// The parts of wsproxy's help that are no options.

export const usage = `[options] [source_addr:]source_port target_addr:target_port
       wsproxy [options] [source_addr:]source_port -- COMMAND [ARG…]
       wsproxy [options] --web DIR [source_addr:]source_port`;

export const examples = `
Examples:
  wsproxy 6080 localhost:5900               browsers reach a VNC server by ws://HOST:6080/
  wsproxy --web /usr/share/novnc 6080 localhost:5900
                                            the same, and the pages of noVNC on that port
  wsproxy cert && wsproxy 6080 vnc.lan:5900 wss:// and https:// as well: self.pem is found
  wsproxy 6379 -- redis-server              start a server whose port speaks WebSocket
  wsproxy --wrap-mode ignore 5901 -- vncserver :1
                                            the same for one that goes to the background
  wsproxy --target localhost:7000 7001 -- ./static-server 7000
                                            the same for one that cannot be moved
  wsproxy -D --pid-file /run/wsproxy.pid --user nobody 443 unix:/run/vnc.sock
                                            in the background, without privileges
  wsproxy --record session 6080 localhost:5900
  wsproxy replay session.1 6081             record sessions, and play one back
  wsproxy launch --vnc localhost:5900       a VNC client as a page: prints the URL to open
  wsproxy --web . 8000                      no proxy: only the files of a folder

An address is [HOST:]PORT, [IPv6]:PORT or unix:PATH. Port 0 as the source takes a free one and tells
which. Signals: TERM and INT tell all clients to leave and end; QUIT ends when the last has left;
HUP reads certificate and key again and opens the log file anew; USR2 replaces all workers.

Exit status: 0 after TERM or QUIT, --run-once, --timeout and --idle-timeout; that of COMMAND with
--wrap-mode exit; 125 if wsproxy fails, 126 if COMMAND cannot be executed or moved, 127 if it is not
found.`;

export const launchExamples = `
Examples:
  wsproxy launch                            the desktop at localhost:5900, on port 6080
  wsproxy launch --listen 8080 --vnc vnc.lan:5901
  wsproxy cert && wsproxy launch            the same by https://`;

export const replayExamples = `
Examples:
  wsproxy replay session.1 6080             play to every VNC client that connects by WebSocket
  wsproxy replay --speed 4 session.1 localhost:6080`;

export const certExamples = `
Examples:
  wsproxy cert                              self.pem, which wsproxy finds in the same folder
  wsproxy cert --name vnc.example.org --out /etc/wsproxy.pem --days 90`;
