import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** Opens a connection each time it is told to, and one before, so that all of it is compiled. The port is the first argument. */
public class Client {
    private static final List<Socket> HELD = new ArrayList<>();

    static class Pool {
        void fetch(int port) throws Exception {
            Socket socket = new Socket();
            socket.connect(new InetSocketAddress("127.0.0.1", port));
            HELD.add(socket);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Pool pool = new Pool();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        int port = Integer.parseInt(arguments[0]);
        pool.fetch(port);
        System.out.println("ready");
        while (input.readLine() != null) {
            pool.fetch(port);
            System.out.println("done");
        }
    }
}
