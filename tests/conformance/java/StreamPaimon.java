import java.util.*;
import org.apache.paimon.catalog.*;
import org.apache.paimon.data.*;
import org.apache.paimon.options.Options;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.table.Table;
import org.apache.paimon.table.source.*;

/**
 * Follows the changelog of a Paimon table that begins with (id BIGINT, v STRING), from its first snapshot to its last, as a streaming job does, and reads
 * the table as each snapshot has it. Usage: StreamPaimon WAREHOUSE DATABASE.TABLE. Prints "change kind id v", in the order of the library, and
 * "row snapshot id v".
 */
public class StreamPaimon {
    public static void main(String[] words) throws Exception {
        Options options = new Options();
        options.set("warehouse", words[0]);
        Catalog catalog = CatalogFactory.createCatalog(CatalogContext.create(options));
        Table table = catalog.getTable(Identifier.fromString(words[1]));
        ReadBuilder builder = table.newReadBuilder();
        StreamTableScan scan = builder.newStreamScan();
        scan.restore(1L);
        long last = table.latestSnapshot().get().id();
        StringBuilder out = new StringBuilder();
        while (scan.checkpoint() == null || scan.checkpoint() <= last) {
            TableScan.Plan plan = scan.plan();
            for (Split split : plan.splits()) {
                try (RecordReader<InternalRow> reader = builder.newRead().createReader(split)) {
                    reader.forEachRemaining(row -> out.append("change ").append(row.getRowKind().shortString()).append(' ').append(row.getLong(0)).append(' ').append(row.getString(1)).append('\n'));
                }
            }
        }
        for (long id = 1; id <= last; id++) {
            String at = "row " + id + " ";
            ReadBuilder then = table.copy(Map.of("scan.snapshot-id", String.valueOf(id))).newReadBuilder();
            try (RecordReader<InternalRow> reader = then.newRead().createReader(then.newScan().plan())) {
                reader.forEachRemaining(row -> out.append(at).append(row.getLong(0)).append(' ').append(row.getString(1)).append('\n'));
            }
        }
        System.out.print(out);
    }
}
