// Echoes with java.net's blocking sockets, a thread per connection: "platform" or "virtual"
// (args[1]). A virtual thread that waits is parked, and its socket sits in an epoll instead.
//
// At the end of the input it adds the SHA-256 of what it read, and only then ends its own half.
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.MessageDigest;
import java.util.concurrent.Executors;
import java.util.concurrent.ExecutorService;

public class ThreadEcho {
  public static void main(String[] args) throws Exception {
    ExecutorService threads = executor(args[1]);
    ServerSocket listener =
        new ServerSocket(Integer.parseInt(args[0]), 64, InetAddress.getLoopbackAddress());
    while (true) {
      Socket socket = listener.accept();
      threads.submit(() -> serve(socket));
    }
  }

  // By name, so that this compiles with a JDK that has no virtual threads.
  static ExecutorService executor(String kind) throws Exception {
    if (kind.equals("platform")) return Executors.newCachedThreadPool();
    return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
  }

  static Void serve(Socket socket) throws Exception {
    try (socket) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[65536];
      for (int size; (size = socket.getInputStream().read(buffer)) >= 0; ) {
        digest.update(buffer, 0, size);
        socket.getOutputStream().write(buffer, 0, size);
      }
      socket.getOutputStream().write(digest.digest());
      socket.shutdownOutput();
    } catch (IOException vanished) {
      // A client that vanishes ends its own connection only.
    }
    return null;
  }
}
