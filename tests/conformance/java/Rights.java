import java.util.*;
import java.util.concurrent.*;
import org.apache.fluss.client.*;
import org.apache.fluss.client.admin.*;
import org.apache.fluss.client.table.*;
import org.apache.fluss.client.table.writer.*;
import org.apache.fluss.client.lookup.*;
import org.apache.fluss.config.*;
import org.apache.fluss.metadata.*;
import org.apache.fluss.row.*;
import org.apache.fluss.security.acl.*;

/**
 * What two users of one table may do before, while and after one gives the other rights. Usage: Rights HOST:PORT TABLE; a user's password is NAME-pw.
 */
public class Rights {
    interface Act {
        String run() throws Exception;
    }

    static void tell(String what, Act act) {
        String outcome;
        try {
            outcome = act.run();
        } catch (Throwable failure) {
            Throwable root = failure;
            while ((root instanceof ExecutionException || root instanceof CompletionException || root.getClass() == RuntimeException.class
                    || root.getClass() == java.io.IOException.class || root.getClass().getSimpleName().equals("FlussRuntimeException")) && root.getCause() != null) {
                root = root.getCause();
            }
            outcome = root.getClass().getSimpleName();
        }
        System.out.println(what + ": " + outcome);
    }

    static Connection connect(String server, String user) {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", server);
        if (user != null) {
            conf.setString("client.security.protocol", "sasl");
            conf.setString("client.security.sasl.mechanism", "PLAIN");
            conf.setString("client.security.sasl.username", user);
            conf.setString("client.security.sasl.password", user + "-pw");
        }
        conf.setString("client.writer.retries", "1");
        return ConnectionFactory.createConnection(conf);
    }

    static String show(Collection<AclBinding> bindings) {
        List<String> texts = new ArrayList<>();
        for (AclBinding binding : bindings) {
            AccessControlEntry entry = binding.getAccessControlEntry();
            texts.add(binding.getResource().getType() + " " + binding.getResource().getName() + " " + entry.getPrincipal().getType() + ":"
                    + entry.getPrincipal().getName() + " " + entry.getHost() + " " + entry.getOperationType());
        }
        Collections.sort(texts);
        return texts.toString();
    }

    static AclBinding right(TablePath path, OperationType operation) {
        return new AclBinding(Resource.table(path), new AccessControlEntry(new FlussPrincipal("guest", "User"), "*", operation, PermissionType.ALLOW));
    }

    static String upsert(Connection connection, TablePath path) throws Exception {
        try (Table table = connection.getTable(path)) {
            UpsertWriter writer = table.newUpsert().createWriter();
            writer.upsert(GenericRow.of(1, BinaryString.fromString("b"))).get();
            return "done";
        }
    }

    static String lookup(Connection connection, TablePath path) throws Exception {
        try (Table table = connection.getTable(path)) {
            return table.newLookup().createLookuper().lookup(GenericRow.of(1)).get().getSingletonRow().getString(1).toString();
        }
    }

    public static void main(String[] words) throws Exception {
        TablePath path = TablePath.of("fluss", words[1]);
        AclBindingFilter ofTable = new AclBindingFilter(new ResourceFilter(ResourceType.TABLE, path.toString()), AccessControlEntryFilter.ANY);
        try (Connection root = connect(words[0], "root"); Connection guest = connect(words[0], "guest")) {
            Admin theirs = guest.getAdmin();
            tell("guest sees", () -> theirs.listTables("fluss").get().toString());
            tell("guest info", () -> theirs.getTableInfo(path).get().toString());
            tell("guest upsert", () -> upsert(guest, path));
            tell("guest lookup", () -> lookup(guest, path));
            tell("guest acls", () -> show(theirs.listAcls(ofTable).get()));
            tell("guest grants", () -> {
                theirs.createAcls(List.of(right(path, OperationType.ALL))).all().get();
                return "done";
            });
            Admin admin = root.getAdmin();
            admin.createAcls(List.of(right(path, OperationType.READ), right(path, OperationType.WRITE))).all().get();
            tell("root acls", () -> show(admin.listAcls(ofTable).get()));
            tell("guest sees", () -> theirs.listTables("fluss").get().toString());
            tell("guest upsert", () -> upsert(guest, path));
            tell("guest lookup", () -> lookup(guest, path));
            tell("guest drop", () -> {
                theirs.dropTable(path, false).get();
                return "done";
            });
            tell("dropped", () -> show(admin.dropAcls(List.of(new AclBindingFilter(new ResourceFilter(ResourceType.TABLE, path.toString()),
                    new AccessControlEntryFilter(new FlussPrincipal("guest", "User"), null, OperationType.WRITE, PermissionType.ANY)))).all().get()));
            try (Connection again = connect(words[0], "guest")) {
                tell("guest upsert", () -> upsert(again, path));
                tell("guest lookup", () -> lookup(again, path));
            }
        }
        tell("plain", () -> {
            try (Connection nobody = connect(words[0], null)) {
                return nobody.getAdmin().listDatabases().get().toString();
            }
        });
        System.exit(0);
    }
}
