import java.time.Duration;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import org.apache.fluss.client.*;
import org.apache.fluss.client.admin.*;
import org.apache.fluss.client.lookup.*;
import org.apache.fluss.client.table.*;
import org.apache.fluss.client.table.scanner.*;
import org.apache.fluss.client.table.scanner.log.*;
import org.apache.fluss.client.table.writer.*;
import org.apache.fluss.config.*;
import org.apache.fluss.metadata.*;
import org.apache.fluss.row.*;
import org.apache.fluss.types.*;

/**
 * The same load for either server, through the unmodified client. Usage: Load HOST:PORT WORK N.
 *
 * <p>ready waits for the first answer; append writes N rows of 100 bytes; scan reads them; wake tells how long each of N rows takes from append to
 * a waiting poll; upsert puts N rows, lookup and prefix look up N keys or groups of ten, 1,024 in flight. Prints one line of JSON.
 */
public class Load {
    static final TablePath LOG = TablePath.of("fluss", "load_log");
    static final TablePath ONE = TablePath.of("fluss", "load_one");
    static final TablePath KEYS = TablePath.of("fluss", "load_keys");
    static final int KEY_COUNT = 200_000;
    static Connection connection;

    static void table(TablePath path, int buckets) throws Exception {
        Schema schema = Schema.newBuilder().column("id", DataTypes.BIGINT()).column("s", DataTypes.STRING()).build();
        TableDescriptor descriptor = TableDescriptor.builder().schema(schema).distributedBy(buckets).property("table.replication.factor", "1").build();
        connection.getAdmin().createTable(path, descriptor, true).get();
    }

    static GenericRow row(long i) {
        return GenericRow.of(i, BinaryString.fromString(String.format("%084d", i)));
    }

    static void append(long rows) throws Exception {
        table(LOG, 4);
        try (Table table = connection.getTable(LOG)) {
            AppendWriter writer = table.newAppend().createWriter();
            for (long i = 0; i < rows; i++) writer.append(row(i));
            writer.flush();
        }
    }

    static void scan(long rows) throws Exception {
        try (Table table = connection.getTable(LOG); LogScanner scanner = table.newScan().createLogScanner()) {
            for (int bucket = 0; bucket < 4; bucket++) scanner.subscribeFromBeginning(bucket);
            for (long seen = 0; seen < rows; ) seen += scanner.poll(Duration.ofSeconds(10)).count();
        }
    }

    static String wake(int rounds) throws Exception {
        table(ONE, 1);
        try (Table table = connection.getTable(ONE); LogScanner scanner = table.newScan().createLogScanner()) {
            scanner.subscribeFromBeginning(0);
            AppendWriter writer = table.newAppend().createWriter();
            double[] millis = new double[rounds];
            for (int i = 0; i < rounds + 5; i++) {
                long begun = System.nanoTime();
                writer.append(row(i));
                while (scanner.poll(Duration.ofSeconds(10)).count() == 0) {}
                if (i >= 5) millis[i - 5] = (System.nanoTime() - begun) / 1e6;
            }
            Arrays.sort(millis);
            return String.format("\"p50_ms\": %.3f, \"p99_ms\": %.3f", millis[rounds / 2], millis[rounds * 99 / 100]);
        }
    }

    static void keyTable() throws Exception {
        Schema schema = Schema.newBuilder().column("g", DataTypes.BIGINT()).column("id", DataTypes.BIGINT()).column("s", DataTypes.STRING()).primaryKey("g", "id").build();
        TableDescriptor descriptor = TableDescriptor.builder().schema(schema).distributedBy(1, "g").property("table.replication.factor", "1").build();
        connection.getAdmin().createTable(KEYS, descriptor, true).get();
    }

    /** Random ones of KEY_COUNT keys, ten to a group. */
    static void upsert(long rows) throws Exception {
        keyTable();
        Random random = new Random(rows);
        try (Table table = connection.getTable(KEYS)) {
            UpsertWriter writer = table.newUpsert().createWriter();
            for (long i = 0; i < rows; i++) {
                long id = random.nextInt(KEY_COUNT);
                writer.upsert(GenericRow.of(id / 10, id, BinaryString.fromString(String.format("%080d", i))));
            }
            writer.flush();
        }
    }

    static void lookup(long count, boolean prefix) throws Exception {
        Random random = new Random(1);
        try (Table table = connection.getTable(KEYS)) {
            Lookuper lookuper = prefix ? table.newLookup().lookupBy("g").createLookuper() : table.newLookup().createLookuper();
            ArrayDeque<CompletableFuture<LookupResult>> waiting = new ArrayDeque<>();
            for (long i = 0; i < count; i++) {
                long id = random.nextInt(KEY_COUNT);
                if (waiting.size() == 1024) waiting.poll().get();
                waiting.add(lookuper.lookup(prefix ? GenericRow.of(id / 10) : GenericRow.of(id / 10, id)));
            }
            for (CompletableFuture<LookupResult> one : waiting) one.get();
        }
    }

    public static void main(String[] words) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", words[0]);
        if (words[1].equals("wake")) conf.setString("client.writer.batch-timeout", "0ms");
        int count = Integer.parseInt(words[2]);
        String more = "";
        connection = ConnectionFactory.createConnection(conf);
        long begun = System.nanoTime();
        switch (words[1]) {
            case "ready" -> connection.getAdmin().listDatabases().get();
            case "append" -> append(count);
            case "scan" -> scan(count);
            case "upsert" -> upsert(count);
            case "lookup" -> lookup(count, false);
            case "prefix" -> lookup(count, true);
            case "wake" -> more = ", " + wake(count);
            default -> throw new IllegalArgumentException(words[1]);
        }
        System.out.printf("{\"seconds\": %.3f%s}%n", (System.nanoTime() - begun) / 1e9, more);
        connection.close();
        System.exit(0);
    }
}
