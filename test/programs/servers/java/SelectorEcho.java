// Echoes from one thread with java.nio: a Selector, which is epoll, and non-blocking channels.
//
// At the end of the input it adds the SHA-256 of what it read. While the client is slow to take the
// echo nothing more is read.
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.security.MessageDigest;

public class SelectorEcho {
  static final class Connection {
    final SocketChannel channel;
    // Direct memory: the channel reads and writes it without a copy.
    final ByteBuffer buffer = ByteBuffer.allocateDirect(65536);
    final MessageDigest digest;
    boolean ended = false;

    Connection(SocketChannel channel) throws Exception {
      this.channel = channel;
      this.digest = MessageDigest.getInstance("SHA-256");
    }

    // Returns what it waits for next, 0 when it is done.
    int advance(SelectionKey key) throws IOException {
      if (key.isReadable()) {
        buffer.clear();
        ended = channel.read(buffer) < 0;
        buffer.flip();
        digest.update(buffer.duplicate());
        if (ended) buffer.clear().put(digest.digest()).flip();
      }
      channel.write(buffer);
      if (buffer.hasRemaining()) return SelectionKey.OP_WRITE;
      return ended ? 0 : SelectionKey.OP_READ;
    }
  }

  public static void main(String[] args) throws Exception {
    Selector selector = Selector.open();
    ServerSocketChannel listener = ServerSocketChannel.open();
    listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0])), 64);
    listener.configureBlocking(false);
    listener.register(selector, SelectionKey.OP_ACCEPT);
    while (true) {
      selector.select();
      var keys = selector.selectedKeys().iterator();
      while (keys.hasNext()) {
        SelectionKey key = keys.next();
        keys.remove();
        if (key.isAcceptable()) {
          SocketChannel channel = listener.accept();
          if (channel == null) continue;
          channel.configureBlocking(false);
          channel.register(selector, SelectionKey.OP_READ, new Connection(channel));
        } else {
          serve(key);
        }
      }
    }
  }

  static void serve(SelectionKey key) throws IOException {
    Connection connection = (Connection) key.attachment();
    int next = 0;
    try {
      next = connection.advance(key);
    } catch (IOException vanished) {
      // A client that vanishes ends its own connection only.
    }
    if (next != 0) key.interestOps(next);
    else connection.channel.close();
  }
}
