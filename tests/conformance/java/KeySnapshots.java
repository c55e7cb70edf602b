import java.time.Duration;
import java.util.*;
import org.apache.fluss.client.*;
import org.apache.fluss.client.admin.*;
import org.apache.fluss.client.metadata.*;
import org.apache.fluss.client.table.*;
import org.apache.fluss.client.table.scanner.*;
import org.apache.fluss.client.table.scanner.batch.*;
import org.apache.fluss.client.table.scanner.log.*;
import org.apache.fluss.client.table.writer.*;
import org.apache.fluss.config.*;
import org.apache.fluss.metadata.*;
import org.apache.fluss.row.*;
import org.apache.fluss.utils.CloseableIterator;

/**
 * Reads a whole primary key table as a Flink source does: the newest snapshot of each bucket, whose RocksDB files the client opens itself, then the
 * changelog from where it ends. Usage: KeySnapshots HOST:PORT TABLE BUCKETS. Prints the rows (id, v) in order.
 */
public class KeySnapshots {
    public static void main(String[] words) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", words[0]);
        int buckets = Integer.parseInt(words[2]);
        TablePath path = TablePath.of("fluss", words[1]);
        try (Connection connection = ConnectionFactory.createConnection(conf); Table table = connection.getTable(path)) {
            Admin admin = connection.getAdmin();
            KvSnapshots snapshots = admin.getLatestKvSnapshots(path).get();
            KvSnapshotLease lease = admin.createKvSnapshotLease("reader", 60_000);
            Map<TableBucket, Long> leased = new HashMap<>();
            for (int i = 0; i < buckets; i++) leased.put(new TableBucket(snapshots.getTableId(), i), snapshots.getSnapshotId(i).getAsLong());
            if (!lease.acquireSnapshots(leased).get().getUnavailableTableBucketSet().isEmpty()) throw new AssertionError("a snapshot is not there");
            TreeMap<Long, String> rows = new TreeMap<>();
            int fromSnapshots = 0;
            for (int i = 0; i < buckets; i++) {
                TableBucket bucket = new TableBucket(snapshots.getTableId(), i);
                try (BatchScanner scanner = table.newScan().createBatchScanner(bucket, snapshots.getSnapshotId(i).getAsLong())) {
                    CloseableIterator<InternalRow> batch;
                    while ((batch = scanner.pollBatch(Duration.ofSeconds(10))) != null) {
                        for (; batch.hasNext(); fromSnapshots++) {
                            InternalRow row = batch.next();
                            rows.put(row.getLong(0), row.getString(1).toString());
                        }
                        batch.close();
                    }
                }
                long end = admin.listOffsets(path, List.of(i), new OffsetSpec.LatestSpec()).bucketResult(i).get();
                long next = snapshots.getLogOffset(i).getAsLong();
                try (LogScanner scanner = table.newScan().createLogScanner()) {
                    if (next < end) scanner.subscribe(i, next);
                    while (next < end) {
                        for (ScanRecord record : scanner.poll(Duration.ofSeconds(1))) {
                            next = record.logOffset() + 1;
                            String kind = record.getChangeType().shortString();
                            if (kind.equals("-D")) rows.remove(record.getRow().getLong(0));
                            else if (!kind.equals("-U")) rows.put(record.getRow().getLong(0), record.getRow().getString(1).toString());
                        }
                    }
                }
            }
            lease.dropLease().get();
            System.out.println(fromSnapshots);
            rows.forEach((id, v) -> System.out.println(id + " " + v));
        }
        System.exit(0);
    }
}
