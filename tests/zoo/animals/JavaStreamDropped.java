// Healthy: opens the stream of the answer and drops it unread; the collector closes it when it comes round: PORT RATE SECONDS.
import java.net.URL;

class JavaStreamDropped {
    public static void main(String[] args) throws Exception {
        URL url = new URL("http://127.0.0.1:" + args[0] + "/");
        long every = (long) (1000 * Double.parseDouble(args[2]));
        long collected = System.currentTimeMillis();
        while (true) {
            url.openConnection().getInputStream();
            if (System.currentTimeMillis() - collected > every) { // as the heap of a busier program fills up
                System.gc();
                collected = System.currentTimeMillis();
            }
            Thread.sleep((long) (1000 / Double.parseDouble(args[1])));
        }
    }
}
