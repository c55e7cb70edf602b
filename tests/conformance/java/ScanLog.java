import java.time.Duration;
import java.util.*;
import org.apache.fluss.client.*;
import org.apache.fluss.client.admin.*;
import org.apache.fluss.client.table.*;
import org.apache.fluss.client.table.scanner.*;
import org.apache.fluss.client.table.scanner.log.*;
import org.apache.fluss.config.*;
import org.apache.fluss.metadata.*;

/**
 * Scans a log from its beginning to its end: whatever the server has given to the remote directory, the client fetches from there by itself.
 * Usage: ScanLog HOST:PORT TABLE BUCKETS. Prints "bucket offset kind id" of each record, then the same of a scan of the first column alone.
 */
public class ScanLog {
    public static void main(String[] words) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", words[0]);
        int buckets = Integer.parseInt(words[2]);
        TablePath path = TablePath.of("fluss", words[1]);
        StringBuilder out = new StringBuilder();
        try (Connection connection = ConnectionFactory.createConnection(conf); Table table = connection.getTable(path)) {
            List<Integer> all = new ArrayList<>();
            for (int i = 0; i < buckets; i++) all.add(i);
            Map<Integer, Long> ends = connection.getAdmin().listOffsets(path, all, new OffsetSpec.LatestSpec()).all().get();
            for (Scan scan : List.of(table.newScan(), table.newScan().project(new int[] {0}))) {
                Map<Integer, Long> left = new HashMap<>(ends);
                left.values().removeIf(end -> end == 0);
                try (LogScanner scanner = scan.createLogScanner()) {
                    for (int bucket : left.keySet()) scanner.subscribeFromBeginning(bucket);
                    while (!left.isEmpty()) {
                        ScanRecords records = scanner.poll(Duration.ofSeconds(1));
                        for (TableBucket bucket : records.buckets()) {
                            for (ScanRecord record : records.records(bucket)) {
                                out.append(bucket.getBucket()).append(' ').append(record.logOffset()).append(' ')
                                        .append(record.getChangeType().shortString()).append(' ').append(record.getRow().getLong(0)).append('\n');
                                if (record.logOffset() + 1 >= ends.get(bucket.getBucket())) left.remove(bucket.getBucket());
                            }
                        }
                    }
                }
            }
        }
        System.out.print(out);
        System.exit(0);
    }
}
