// Healthy: one client of java.net.http for all requests: PORT RATE.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

class JavaSharedClient {
    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        URI uri = URI.create("http://127.0.0.1:" + args[0] + "/");
        HttpRequest request = HttpRequest.newBuilder(uri).version(HttpClient.Version.HTTP_1_1).build();
        while (true) {
            client.send(request, HttpResponse.BodyHandlers.ofString());
            Thread.sleep((long) (1000 / Double.parseDouble(args[1])));
        }
    }
}
