import java.lang.reflect.Field;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * Start DynamoDB Local on 127.0.0.1 only.
 *
 * <p>The engine's own main class listens on every interface and has no option to change that, so the
 * connector's host is set between construction and start. Arguments are those of ServerRunner. With
 * -Dexit.with.parent=true it ends when its standard input does.
 */
public final class Loopback {
  public static void main(String[] args) throws Exception {
    if (Boolean.getBoolean("exit.with.parent")) {
      exitAtEndOfInput();
    }
    DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(args);
    Field field = DynamoDBProxyServer.class.getDeclaredField("server");
    field.setAccessible(true);
    Server server = (Server) field.get(proxy);
    if (server.getConnectors().length == 0) {
      proxy.start();
      throw new IllegalStateException("no connector before start: it would listen everywhere");
    }
    for (var connector : server.getConnectors()) {
      ((ServerConnector) connector).setHost("127.0.0.1");
    }
    proxy.start();
    proxy.join();
  }

  /** Standard input is a pipe from the test run: when that dies, however it dies, the pipe ends. */
  private static void exitAtEndOfInput() {
    Thread watcher =
        new Thread(
            () -> {
              try {
                while (System.in.read() >= 0) {}
              } catch (java.io.IOException broken) {
                // As good as an end.
              }
              Runtime.getRuntime().halt(0);
            });
    watcher.setDaemon(true);
    watcher.start();
  }
}
