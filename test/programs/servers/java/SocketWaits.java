// How blocking calls of java.net end: by a timeout, the client's half, a close from another thread.
//
// To close a socket under a blocked reader the JVM puts another descriptor in its place with dup2
// and sends the reader's thread a signal.
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

public class SocketWaits {
  public static void main(String[] args) throws Exception {
    ServerSocket listener =
        new ServerSocket(Integer.parseInt(args[0]), 64, InetAddress.getLoopbackAddress());
    try (Socket socket = listener.accept()) {
      timeouts(socket);
    }
    try (Socket socket = listener.accept()) {
      halfClose(socket);
    }
    try (Socket socket = listener.accept()) {
      InputStream input = socket.getInputStream();
      Outcome.interrupted("read", input::read, thread -> socket.close());
    }
    try (Socket socket = listener.accept()) {
      // A read with a timeout waits in poll.
      socket.setSoTimeout(60_000);
      InputStream input = socket.getInputStream();
      Outcome.interrupted("read", input::read, thread -> socket.close());
    }
    listener.setSoTimeout(Outcome.PAUSE);
    Outcome.timed("accept", listener::accept);
    listener.setSoTimeout(0);
    Outcome.interrupted("accept", listener::accept, thread -> listener.close());
  }

  // Nothing comes, then something does, then nothing again, then the end.
  static void timeouts(Socket socket) throws Exception {
    InputStream input = socket.getInputStream();
    OutputStream output = socket.getOutputStream();
    socket.setSoTimeout(Outcome.PAUSE);
    Outcome.timed("read", input::read);
    output.write("speak".getBytes());
    socket.setSoTimeout(60_000);
    Outcome.of("read", () -> new String(input.readNBytes(5)));
    Outcome.of("available", input::available);
    socket.setSoTimeout(Outcome.PAUSE);
    Outcome.timed("read", input::read);
    output.write("end".getBytes());
    socket.setSoTimeout(60_000);
    Outcome.of("read", input::read);
  }

  // Our half ends first; the client answers into the other.
  static void halfClose(Socket socket) throws Exception {
    OutputStream output = socket.getOutputStream();
    output.write("last words".getBytes());
    socket.shutdownOutput();
    Outcome.of("write", () -> { output.write('x'); return "written"; });
    Outcome.of("read", () -> new String(socket.getInputStream().readAllBytes()));
  }
}
