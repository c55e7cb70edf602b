import java.util.*;
import org.apache.paimon.catalog.*;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.options.Options;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.table.Table;
import org.apache.paimon.table.source.*;
import org.apache.paimon.types.*;

/** Reads lake tables with the Java Paimon library. Usage: ReadPaimon WAREHOUSE TABLE...; prints "TABLE rows checksum" each. */
public class ReadPaimon {
    public static void main(String[] args) throws Exception {
        Options options = new Options();
        options.set("warehouse", args[0]);
        Catalog catalog = CatalogFactory.createCatalog(CatalogContext.create(options));
        for (int i = 1; i < args.length; i++) {
            Table table = catalog.getTable(Identifier.fromString(args[i]));
            ReadBuilder builder = table.newReadBuilder();
            long[] rows = {0};
            long[] sum = {0};
            int offset = table.rowType().getFieldIndex("__offset");
            InternalRow.FieldGetter[] getters = new InternalRow.FieldGetter[table.rowType().getFieldCount()];
            for (int f = 0; f < getters.length; f++) getters[f] = InternalRow.createFieldGetter(table.rowType().getTypeAt(f), f);
            try (RecordReader<InternalRow> reader = builder.newRead().createReader(builder.newScan().plan())) {
                reader.forEachRemaining(row -> {
                    rows[0]++;
                    sum[0] += row.getLong(offset);
                    for (InternalRow.FieldGetter getter : getters) getter.getFieldOrNull(row);
                });
            }
            System.out.println(args[i] + " " + rows[0] + " " + sum[0]);
        }
    }
}
