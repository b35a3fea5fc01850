// How blocking calls of java.nio end: by a close, a shutdown or an interrupt from another thread.
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.net.InetSocketAddress;

public class ChannelWaits {
  public static void main(String[] args) throws Exception {
    ServerSocketChannel listener = ServerSocketChannel.open();
    listener.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])));
    ByteBuffer buffer = ByteBuffer.allocate(10);
    try (SocketChannel channel = listener.accept()) {
      Outcome.interrupted("read", () -> channel.read(buffer), thread -> channel.close());
    }
    try (SocketChannel channel = listener.accept()) {
      Outcome.interrupted("read", () -> channel.read(buffer), Thread::interrupt);
    }
    try (SocketChannel channel = listener.accept()) {
      Outcome.interrupted("read", () -> channel.read(buffer), thread -> channel.shutdownInput());
      Outcome.of("write", () -> channel.write(ByteBuffer.wrap("after the end".getBytes())));
    }
    try (SocketChannel channel = listener.accept()) {
      // This client does not read.
      Outcome.interrupted("write", () -> fill(channel), thread -> channel.close());
    }
    Outcome.interrupted("accept", listener::accept, thread -> listener.close());
  }

  static Object fill(SocketChannel channel) throws Exception {
    ByteBuffer zeros = ByteBuffer.allocate(1 << 16);
    try {
      while (true) {
        channel.write(zeros.clear());
      }
    } catch (java.nio.channels.ClosedChannelException closed) {
      // Whether inside the call or before the next one is a matter of luck.
      return "closed";
    }
  }
}
