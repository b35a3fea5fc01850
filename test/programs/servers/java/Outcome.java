// Prints what calls come to, a line for each, so that two runs can be compared.
import java.util.concurrent.Callable;

final class Outcome {
  // For a reader to be blocked in its call by then; and what timeouts are set to.
  static final int PAUSE = 200;

  static void of(String what, Callable<Object> call) {
    String result;
    try {
      result = String.valueOf(call.call());
    } catch (Exception exception) {
      result = exception.toString();
    }
    System.out.println(what + ": " + result);
  }

  // A call that is to end after PAUSE, not before.
  static void timed(String what, Callable<Object> call) {
    long start = System.nanoTime();
    of(what, call);
    long took = (System.nanoTime() - start) / 1_000_000;
    // The kernel counts in whole milliseconds.
    System.out.println(took >= PAUSE - 1 ? "in time" : "after " + took + " ms");
  }

  interface Interruption {
    void of(Thread thread) throws Exception;
  }

  // A call that blocks another thread until something is done to it.
  static void interrupted(String what, Callable<Object> call, Interruption interruption)
      throws Exception {
    Thread thread = new Thread(() -> of(what, call));
    thread.start();
    Thread.sleep(PAUSE);
    interruption.of(thread);
    thread.join();
  }
}
