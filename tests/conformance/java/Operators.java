import java.util.*;
import java.util.concurrent.*;
import org.apache.fluss.client.*;
import org.apache.fluss.client.admin.*;
import org.apache.fluss.cluster.rebalance.*;
import org.apache.fluss.config.*;
import org.apache.fluss.metadata.*;

/** What operators ask of a cluster: tags of servers, rebalances, offsets of producers. Usage: Operators HOST:PORT DATABASE; the table t there has two buckets. */
public class Operators {
    interface Act {
        Object run() throws Exception;
    }

    static void tell(String what, Act act) {
        Object outcome;
        try {
            outcome = act.run();
        } catch (Throwable failure) {
            Throwable root = failure instanceof ExecutionException ? failure.getCause() : failure;
            outcome = root.getClass().getSimpleName();
        }
        System.out.println(what + ": " + outcome);
    }

    public static void main(String[] words) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", words[0]);
        TablePath path = TablePath.of(words[1], "t");
        TableDescriptor another = TableDescriptor.builder().schema(Schema.newBuilder().column("a", org.apache.fluss.types.DataTypes.INT()).build()).distributedBy(1).build();
        try (Connection connection = ConnectionFactory.createConnection(conf)) {
            Admin admin = connection.getAdmin();
            long table = admin.getTableInfo(path).get().getTableId();
            Map<TableBucket, Long> offsets = new HashMap<>();
            offsets.put(new TableBucket(table, 0), 5L);
            offsets.put(new TableBucket(table, 1), 7L);
            tell("register", () -> admin.registerProducerOffsets("job-1", offsets).get());
            tell("again", () -> admin.registerProducerOffsets("job-1", Map.of(new TableBucket(table, 0), 99L)).get());
            tell("offsets", () -> new TreeMap<>(new HashMap<>(admin.getProducerOffsets("job-1").get().getTableOffsets().get(table)).entrySet().stream().collect(
                    java.util.stream.Collectors.toMap(one -> one.getKey().getBucket(), Map.Entry::getValue))));
            tell("unknown bucket", () -> admin.registerProducerOffsets("job-2", Map.of(new TableBucket(table, 9), 1L)).get());
            tell("bad id", () -> admin.registerProducerOffsets("a/b", offsets).get());
            tell("delete", () -> admin.deleteProducerOffsets("job-1").get());
            tell("deleted", () -> admin.getProducerOffsets("job-1").get());
            tell("delete again", () -> admin.deleteProducerOffsets("job-1").get());

            tell("no progress", () -> admin.listRebalanceProgress(null).get());
            tell("no such progress", () -> admin.listRebalanceProgress("x").get());
            String id = admin.rebalance(List.of(GoalType.REPLICA_DISTRIBUTION, GoalType.LEADER_DISTRIBUTION)).get();
            tell("progress", () -> admin.listRebalanceProgress(id).get().get().status());
            tell("cancel", () -> admin.cancelRebalance(id).get());
            tell("cancel another", () -> admin.cancelRebalance("x").get());

            tell("tag nobody", () -> admin.addServerTag(List.of(99), ServerTag.PERMANENT_OFFLINE).get());
            tell("tag", () -> admin.addServerTag(List.of(0), ServerTag.PERMANENT_OFFLINE).get());
            tell("tag again", () -> admin.addServerTag(List.of(0), ServerTag.PERMANENT_OFFLINE).get());
            tell("another tag", () -> admin.addServerTag(List.of(0), ServerTag.TEMPORARY_OFFLINE).get());
            tell("create", () -> admin.createTable(TablePath.of(words[1], "u"), another, false).get());
            tell("rebalance", () -> admin.rebalance(List.of(GoalType.REPLICA_DISTRIBUTION)).get());
            tell("untag other", () -> admin.removeServerTag(List.of(0), ServerTag.TEMPORARY_OFFLINE).get());
            tell("untag", () -> admin.removeServerTag(List.of(0), ServerTag.PERMANENT_OFFLINE).get());
            tell("untag again", () -> admin.removeServerTag(List.of(0), ServerTag.PERMANENT_OFFLINE).get());
            tell("create", () -> admin.createTable(TablePath.of(words[1], "u"), another, false).get());
            tell("summary", () -> admin.listDatabaseSummaries().get().stream().filter(one -> one.getDatabaseName().equals(words[1])).findFirst().get().getTableCount());
            tell("acls", () -> admin.listAcls(org.apache.fluss.security.acl.AclBindingFilter.ANY).get());
        }
        System.exit(0);
    }
}
