import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetSocketAddress;
import java.util.EnumSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.hadoop.HadoopCatalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.FilterHolder;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/**
 * Iceberg's own REST catalog service over the folder in args[0], on the loopback. Prints its port. POST
 * /faults/KIND/N makes N of the following requests go wrong:
 *   lost      a commit is done and its answer is 502
 *   refused   a commit is not done and its answer is 503
 *   conflict  a commit is not done and its answer is 409
 *   expired   any request is answered 401
 */
public class RestCatalog {
  static final ConcurrentHashMap<String, AtomicInteger> FAULTS = new ConcurrentHashMap<>();

  static boolean due(String kind) {
    AtomicInteger left = FAULTS.get(kind);
    return left != null && left.getAndUpdate(n -> Math.max(0, n - 1)) > 0;
  }

  static class Faults implements Filter {
    @Override
    public void doFilter(ServletRequest rawRequest, ServletResponse rawResponse, FilterChain chain)
        throws IOException, ServletException {
      HttpServletRequest request = (HttpServletRequest) rawRequest;
      HttpServletResponse response = (HttpServletResponse) rawResponse;
      String path = request.getRequestURI();
      if (path.startsWith("/faults/")) {
        String[] words = path.split("/");
        FAULTS.put(words[2], new AtomicInteger(Integer.parseInt(words[3])));
        return;
      }
      boolean login = path.endsWith("/oauth/tokens");
      boolean known = login || String.valueOf(request.getHeader("Authorization")).startsWith("Bearer ");
      if (!known || (!login && due("expired"))) {
        answer(response, 401, "NotAuthorizedException");
        return;
      }
      boolean commit = request.getMethod().equals("POST") && path.matches(".*/tables/[^/]+");
      if (commit && due("refused")) {
        answer(response, 503, "ServiceUnavailableException");
      } else if (commit && due("conflict")) {
        answer(response, 409, "CommitFailedException");
      } else if (commit && due("lost")) {
        StringWriter nowhere = new StringWriter();
        chain.doFilter(
            request,
            new HttpServletResponseWrapper(response) {
              @Override
              public PrintWriter getWriter() {
                return new PrintWriter(nowhere);
              }
            });
        answer(response, 502, "BadGateway");
      } else {
        chain.doFilter(request, response);
      }
    }

    static void answer(HttpServletResponse response, int status, String type) throws IOException {
      response.setStatus(status);
      response.setContentType("application/json");
      response.getWriter().write("{\"error\":{\"message\":\"asked for by the test\",\"type\":\"" + type + "\",\"code\":" + status + "}}");
    }
  }

  public static void main(String[] args) throws Exception {
    HadoopCatalog catalog = new HadoopCatalog(new Configuration(), args[0]);
    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    context.addServlet(new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
    context.addFilter(new FilterHolder(new Faults()), "/*", EnumSet.of(jakarta.servlet.DispatcherType.REQUEST));
    Server server = new Server(new InetSocketAddress("127.0.0.1", 0));
    server.setHandler(context);
    server.start();
    System.out.println(((ServerConnector) server.getConnectors()[0]).getLocalPort());
    System.out.flush();
    System.in.read(); // until the test closes it
    server.stop();
    System.exit(0);
  }
}
