// Leaks: a plain socket per request, its answer read to the end, the socket never closed: PORT RATE.
import java.net.Socket;
import java.util.ArrayList;

class JavaSocketKept {
    public static void main(String[] args) throws Exception {
        ArrayList<Socket> kept = new ArrayList<>();
        while (true) {
            Socket socket = new Socket("127.0.0.1", Integer.parseInt(args[0]));
            socket.getOutputStream().write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".getBytes());
            socket.getInputStream().read(new byte[4096]);
            kept.add(socket);
            Thread.sleep((long) (1000 / Double.parseDouble(args[1])));
        }
    }
}
