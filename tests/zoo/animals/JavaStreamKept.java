// Leaks: opens the stream of the answer, does not read it and keeps it: PORT RATE.
import java.io.InputStream;
import java.net.URL;
import java.util.ArrayList;

class JavaStreamKept {
    public static void main(String[] args) throws Exception {
        URL url = new URL("http://127.0.0.1:" + args[0] + "/");
        ArrayList<InputStream> kept = new ArrayList<>();
        while (true) {
            kept.add(url.openConnection().getInputStream());
            Thread.sleep((long) (1000 / Double.parseDouble(args[1])));
        }
    }
}
