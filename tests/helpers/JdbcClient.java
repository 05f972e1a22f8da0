import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * Asks a URL again and again who serves it, one connection per line of input,
 * and prints "port standby" or "error SQLSTATE".
 */
public class JdbcClient {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", args[1]);
        properties.setProperty("password", args[2]);
        java.io.BufferedReader input = new java.io.BufferedReader(
            new java.io.InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            try (Connection connection = DriverManager.getConnection(args[0], properties);
                 Statement statement = connection.createStatement();
                 ResultSet rows = statement.executeQuery(
                     "SELECT inet_server_port(), pg_is_in_recovery()")) {
                rows.next();
                System.out.println(rows.getInt(1) + " " + rows.getBoolean(2));
            } catch (SQLException error) {
                System.out.println("error " + error.getSQLState());
            }
        }
    }
}
