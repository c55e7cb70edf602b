import java.math.BigDecimal;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
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
 * Writes to primary key tables through the unmodified Java client, the same way each time, and prints everything that a client can see of it: the
 * changelog with offsets and kinds, and lookups. What the real 0.9.1 server makes of it is kept in tests/data/keys.txt. Usage: KeyTables HOST:PORT
 */
public class KeyTables {
    static Connection connection;
    static Admin admin;
    static int tables = 0;

    /** A key table of one bucket, written in numbered steps. */
    static class Keys implements AutoCloseable {
        final Table table;
        final Schema schema;
        final Lookuper lookuper;

        Keys(String title, Schema schema, String... properties) throws Exception {
            this.schema = schema;
            TablePath path = TablePath.of("fluss", "keys_" + tables++);
            TableDescriptor.Builder builder = TableDescriptor.builder().schema(schema).distributedBy(1);
            for (int i = 0; i < properties.length; i += 2) builder.property(properties[i], properties[i + 1]);
            admin.createTable(path, builder.build(), false).get();
            table = connection.getTable(path);
            lookuper = table.newLookup().createLookuper();
            System.out.println("== " + title);
        }

        /** One batch: rows, or keys to delete where the row has null for everything else and `deletes` says so. */
        void write(String[] columns, Object... changes) throws Exception {
            Upsert upsert = columns == null ? table.newUpsert() : table.newUpsert().partialUpdate(columns);
            UpsertWriter writer = upsert.createWriter();
            List<CompletableFuture<?>> done = new ArrayList<>();
            for (Object change : changes) {
                done.add(change instanceof Delete ? writer.delete(((Delete) change).row) : writer.upsert((InternalRow) change));
            }
            writer.flush();
            for (CompletableFuture<?> one : done) {
                try {
                    one.get();
                } catch (ExecutionException e) {
                    System.out.println("failed " + e.getCause().getClass().getSimpleName());
                }
            }
        }

        void lookUp(Object... key) throws Exception {
            InternalRow row = lookuper.lookup(GenericRow.of(key)).get().getSingletonRow();
            System.out.println("at " + show(key) + " " + (row == null ? "nothing" : text(row)));
        }

        void log() throws Exception {
            try (LogScanner scanner = table.newScan().createLogScanner()) {
                scanner.subscribeFromBeginning(0);
                long end = admin.listOffsets(table.getTableInfo().getTablePath(), List.of(0), new OffsetSpec.LatestSpec()).bucketResult(0).get();
                long next = 0;
                for (long polls = 0; next < end && polls < 100; polls++) {
                    for (ScanRecord record : scanner.poll(Duration.ofMillis(200))) {
                        System.out.println(record.logOffset() + " " + record.getChangeType().shortString() + " " + text(record.getRow()));
                        next = record.logOffset() + 1;
                    }
                    if (polls > 5 && next > 0) break;  // empty batches at the end give no record
                }
                System.out.println("end " + end);
            }
        }

        String text(InternalRow row) {
            List<DataType> types = schema.getRowType().getChildren();
            StringJoiner out = new StringJoiner(", ", "(", ")");
            for (int i = 0; i < types.size(); i++) out.add(show(InternalRow.createFieldGetter(types.get(i), i).getFieldOrNull(row)));
            return out.toString();
        }

        public void close() throws Exception {
            table.close();
        }
    }

    record Delete(InternalRow row) {}

    static String show(Object value) {
        if (value instanceof Object[]) return Arrays.stream((Object[]) value).map(KeyTables::show).toList().toString();
        if (value instanceof byte[]) return HexFormat.of().formatHex((byte[]) value);
        return String.valueOf(value);
    }

    static Schema.Builder columns(Object... pairs) {
        Schema.Builder builder = Schema.newBuilder();
        for (int i = 0; i < pairs.length; i += 2) builder.column((String) pairs[i], (DataType) pairs[i + 1]);
        return builder;
    }

    static BinaryString s(String text) {
        return text == null ? null : BinaryString.fromString(text);
    }

    static void engines() throws Exception {
        String[][] variants = {
            {"no engine"}, {"wal", "table.changelog.image", "WAL"}, {"first row", "table.merge-engine", "first_row"},
            {"first row wal", "table.merge-engine", "first_row", "table.changelog.image", "WAL"},
            {"versioned", "table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "n"},
            {"versioned wal", "table.merge-engine", "versioned", "table.merge-engine.versioned.ver-column", "n", "table.changelog.image", "WAL"},
            {"aggregation", "table.merge-engine", "aggregation"}, {"aggregation with deletes", "table.merge-engine", "aggregation", "table.delete.behavior", "allow"},
            {"deletes ignored", "table.delete.behavior", "ignore"}, {"deletes refused", "table.delete.behavior", "disable"},
            {"compacted log", "table.log.format", "COMPACTED"}, {"indexed keys", "table.kv.format", "INDEXED"},
        };
        for (String[] variant : variants) {
            boolean sums = variant[0].startsWith("aggregation");
            Schema schema = sums
                    ? columns("id", DataTypes.INT()).column("name", DataTypes.STRING(), AggFunctions.LISTAGG()).column("n", DataTypes.BIGINT(), AggFunctions.SUM()).primaryKey("id").build()
                    : columns("id", DataTypes.INT(), "name", DataTypes.STRING(), "n", DataTypes.BIGINT()).primaryKey("id").build();
            try (Keys keys = new Keys(variant[0], schema, Arrays.copyOfRange(variant, 1, variant.length))) {
                Random random = new Random(7);
                for (int step = 0; step < 8; step++) {
                    Object[] batch = new Object[1 + random.nextInt(5)];
                    for (int i = 0; i < batch.length; i++) {
                        int id = random.nextInt(4);
                        GenericRow row = GenericRow.of(id, random.nextInt(3) == 0 ? null : s("s" + step), random.nextInt(4) == 0 ? null : (Object) (long) random.nextInt(6));
                        batch[i] = random.nextInt(4) == 0 ? new Delete(row) : row;
                    }
                    keys.write(null, batch);
                }
                keys.write(null, GenericRow.of(9, s("last"), 1L));
                for (int id = 0; id < 4; id++) keys.lookUp(id);
                keys.log();
            }
        }
    }

    static final Object[][] TYPES = {
        {DataTypes.BOOLEAN(), true, false}, {DataTypes.TINYINT(), (byte) -128, (byte) 127}, {DataTypes.SMALLINT(), (short) -32768, (short) 5},
        {DataTypes.INT(), Integer.MIN_VALUE, Integer.MAX_VALUE}, {DataTypes.BIGINT(), Long.MIN_VALUE, Long.MAX_VALUE}, {DataTypes.FLOAT(), -1.5f, Float.NaN},
        {DataTypes.DOUBLE(), Double.NEGATIVE_INFINITY, 4.9e-324}, {DataTypes.CHAR(4), s("abcd"), s("ab")}, {DataTypes.STRING(), s(""), s("\u00e9 \ud83d\ude00 long enough to leave a slot")},
        {DataTypes.DECIMAL(5, 2), Decimal.fromBigDecimal(new BigDecimal("-999.99"), 5, 2), Decimal.fromBigDecimal(new BigDecimal("0.01"), 5, 2)},
        {DataTypes.DECIMAL(38, 10), Decimal.fromBigDecimal(new BigDecimal("-1234567890123456789012345678.0123456789"), 38, 10), Decimal.fromBigDecimal(new BigDecimal("1.0000000000"), 38, 10)},
        {DataTypes.DATE(), -1, 20000}, {DataTypes.TIME(3), 0, 86_399_999}, {DataTypes.TIMESTAMP(3), TimestampNtz.fromMillis(-1), TimestampNtz.fromMillis(1_700_000_000_123L)},
        {DataTypes.TIMESTAMP(6), TimestampNtz.fromMillis(0), TimestampNtz.fromMillis(1_700_000_000_123L, 456_000)}, {DataTypes.TIMESTAMP(9), TimestampNtz.fromMillis(5, 1), TimestampNtz.fromMillis(5, 999_999)},
        {DataTypes.TIMESTAMP_LTZ(6), TimestampLtz.fromEpochMillis(5, 1000), TimestampLtz.fromEpochMillis(1_700_000_000_123L, 1000)},
        {DataTypes.BINARY(3), new byte[] {1, 2, 3}, new byte[] {9, 8, 7}}, {DataTypes.BYTES(), new byte[0], new byte[] {0, -1, 5}},
    };

    static void types() throws Exception {
        for (Object[] type : TYPES) {
            DataType key = ((DataType) type[0]).copy(false);
            try (Keys keys = new Keys("key " + key, columns("k", key, "v", type[0]).primaryKey("k").build())) {
                keys.write(null, GenericRow.of(type[1], type[2]), GenericRow.of(type[2], null));
                keys.write(null, GenericRow.of(type[2], type[1]), new Delete(GenericRow.of(type[1], null)));
                keys.lookUp(type[1]);
                keys.lookUp(type[2]);
                keys.log();
            }
        }
        DataType nested = DataTypes.ROW(DataTypes.FIELD("x", DataTypes.INT()), DataTypes.FIELD("y", DataTypes.STRING()));
        Schema schema = columns("a", DataTypes.STRING(), "b", DataTypes.INT(), "c", DataTypes.BIGINT(), "list", DataTypes.ARRAY(DataTypes.INT()), "row", nested).primaryKey("a", "b", "c").build();
        try (Keys keys = new Keys("three keys, nested values", schema)) {
            keys.write(null, GenericRow.of(s("x"), 1, 1L, new GenericArray(new Integer[] {1, null, 3}), GenericRow.of(5, s("y"))), GenericRow.of(s("x"), 1, 2L, null, null));
            keys.write(null, new Delete(GenericRow.of(s("x"), 1, 2L, null, null)));
            InternalRow row = keys.lookuper.lookup(GenericRow.of(s("x"), 1, 1L)).get().getSingletonRow();
            System.out.println(row.getArray(3).size() + " " + row.getArray(3).isNullAt(1) + " " + row.getArray(3).getInt(2) + " " + row.getRow(4, 2).getInt(0) + " " + row.getRow(4, 2).getString(1));
            System.out.println(keys.lookuper.lookup(GenericRow.of(s("x"), 1, 2L)).get().getSingletonRow());
        }
    }

    static void aggregates() throws Exception {
        Map<String, AggFunction> functions = new LinkedHashMap<>();
        functions.put("sum", AggFunctions.SUM());
        functions.put("product", AggFunctions.PRODUCT());
        functions.put("max", AggFunctions.MAX());
        functions.put("min", AggFunctions.MIN());
        functions.put("last_value", AggFunctions.LAST_VALUE());
        functions.put("last_value_ignore_nulls", AggFunctions.LAST_VALUE_IGNORE_NULLS());
        functions.put("first_value", AggFunctions.FIRST_VALUE());
        functions.put("first_value_ignore_nulls", AggFunctions.FIRST_VALUE_IGNORE_NULLS());
        functions.put("listagg", AggFunctions.LISTAGG("|"));
        functions.put("string_agg", AggFunctions.STRING_AGG());
        functions.put("bool_and", AggFunctions.BOOL_AND());
        functions.put("bool_or", AggFunctions.BOOL_OR());
        for (Map.Entry<String, AggFunction> function : functions.entrySet()) {
            for (Object[] type : TYPES) {
                try {
                    function.getValue().validateDataType((DataType) type[0]);
                } catch (IllegalArgumentException unsupported) {
                    continue;
                }
                Schema schema = Schema.newBuilder().column("id", DataTypes.INT()).column("v", (DataType) type[0], function.getValue()).primaryKey("id").build();
                try (Keys keys = new Keys(function.getKey() + " of " + type[0], schema, "table.merge-engine", "aggregation")) {
                    Object[] values = {type[1], type[2], null, type[2], type[1]};
                    for (int i = 0; i < 3; i++) {
                        Object[] batch = new Object[values.length];
                        for (int first = 0; first < values.length; first++) batch[first] = GenericRow.of(first, values[(first + i) % values.length]);
                        keys.write(null, batch);
                    }
                    for (int first = 0; first < values.length; first++) keys.lookUp(first);
                }
            }
        }
    }

    static void partialUpdates() throws Exception {
        Schema schema = columns("id", DataTypes.INT(), "a", DataTypes.STRING(), "b", DataTypes.BIGINT(), "c", DataTypes.DOUBLE()).primaryKey("id").build();
        for (String image : new String[] {"FULL", "WAL"}) {
            try (Keys keys = new Keys("partial updates " + image, schema, "table.changelog.image", image)) {
                keys.write(new String[] {"id", "a"}, GenericRow.of(1, s("a1"), null, null), GenericRow.of(2, s("a2"), null, null));
                keys.write(new String[] {"id", "c", "b"}, GenericRow.of(1, null, 5L, 0.5), GenericRow.of(3, null, 7L, null));
                keys.write(new String[] {"id"}, GenericRow.of(1, null, null, null), GenericRow.of(4, null, null, null));
                keys.write(null, GenericRow.of(2, s("all"), 1L, 1.0));
                keys.write(new String[] {"id", "a"}, new Delete(GenericRow.of(1, null, null, null)), new Delete(GenericRow.of(3, null, null, null)), new Delete(GenericRow.of(8, null, null, null)));
                keys.write(new String[] {"id", "b", "c"}, new Delete(GenericRow.of(3, null, null, null)));
                for (int id = 1; id < 5; id++) keys.lookUp(id);
                keys.write(null, GenericRow.of(9, null, null, null));
                keys.log();
            }
        }
        Schema sums = Schema.newBuilder().column("id", DataTypes.INT()).column("a", DataTypes.INT(), AggFunctions.SUM()).column("b", DataTypes.INT(), AggFunctions.SUM()).primaryKey("id").build();
        try (Keys keys = new Keys("partial aggregation", sums, "table.merge-engine", "aggregation", "table.delete.behavior", "allow")) {
            keys.write(new String[] {"id", "a"}, GenericRow.of(1, 1, null), GenericRow.of(1, 2, null));
            keys.write(new String[] {"id", "b"}, GenericRow.of(1, null, 10));
            keys.write(new String[] {"id", "a"}, new Delete(GenericRow.of(1, null, null)));
            keys.lookUp(1);
            keys.log();
        }
        Schema counted = columns("id", DataTypes.INT(), "a", DataTypes.STRING(), "n", DataTypes.BIGINT()).primaryKey("id").enableAutoIncrement("n").build();
        try (Keys keys = new Keys("auto increment", counted)) {
            keys.write(new String[] {"id", "a"}, GenericRow.of(1, s("x"), null), GenericRow.of(2, s("y"), null), GenericRow.of(1, s("z"), null));
            keys.lookUp(1);
            keys.lookUp(2);
            Lookuper inserting = keys.table.newLookup().enableInsertIfNotExists().createLookuper();
            for (int id : new int[] {2, 7, 7}) System.out.println("insert if not exists " + keys.text(inserting.lookup(GenericRow.of(id)).get().getSingletonRow()));
            keys.log();
        }
    }

    static void prefixes() throws Exception {
        Schema schema = columns("a", DataTypes.INT(), "b", DataTypes.STRING(), "c", DataTypes.BIGINT(), "v", DataTypes.STRING()).primaryKey("a", "b", "c").build();
        TablePath path = TablePath.of("fluss", "keys_prefix");
        admin.createTable(path, TableDescriptor.builder().schema(schema).distributedBy(3, "a", "b").build(), false).get();
        try (Table table = connection.getTable(path)) {
            UpsertWriter writer = table.newUpsert().createWriter();
            for (int a = 0; a < 3; a++) for (String b : new String[] {"", "x", "xy"}) for (long c = 0; c < 4; c++) writer.upsert(GenericRow.of(a, s(b), c, s(a + b + c)));
            writer.flush();
            Lookuper lookuper = table.newLookup().lookupBy("a", "b").createLookuper();
            System.out.println("== prefix lookups");
            for (int a = 0; a < 4; a++) {
                for (String b : new String[] {"", "x", "xy", "y"}) {
                    StringJoiner found = new StringJoiner(" ");
                    for (InternalRow row : lookuper.lookup(GenericRow.of(a, s(b))).get().getRowList()) found.add(row.getLong(2) + ":" + row.getString(3));
                    System.out.println(a + " '" + b + "' " + found);
                }
            }
        }
    }

    static void refusals() throws Exception {
        System.out.println("== refusals");
        Schema strict = columns("id", DataTypes.INT(), "a", DataTypes.STRING().copy(false), "b", DataTypes.INT()).primaryKey("id").build();
        Object[][] cases = {
            {"partial update of a table with NOT NULL columns", strict, new String[] {"id", "b"}},
            {"partial update of first_row", columns("id", DataTypes.INT(), "a", DataTypes.STRING(), "b", DataTypes.INT()).primaryKey("id").build(), new String[] {"id", "b"}, "table.merge-engine", "first_row"},
        };
        for (Object[] one : cases) {
            try {
                try (Keys keys = new Keys((String) one[0], (Schema) one[1], Arrays.copyOfRange(one, 3, one.length, String[].class))) {
                    keys.write((String[]) one[2], GenericRow.of(1, s("x"), 1));
                }
            } catch (Exception e) {
                System.out.println("refused " + e.getClass().getSimpleName());
            }
        }
        String[][] tables = {
            {"versioned without column", "table.merge-engine", "versioned"}, {"unknown engine", "table.merge-engine", "best"},
            {"aggregation wal", "table.merge-engine", "aggregation", "table.changelog.image", "WAL"}, {"first row with deletes", "table.merge-engine", "first_row", "table.delete.behavior", "allow"},
            {"compacted keys, indexed log", "table.log.format", "INDEXED"},
        };
        for (String[] one : tables) {
            try {
                new Keys(one[0], columns("id", DataTypes.INT(), "a", DataTypes.STRING()).primaryKey("id").build(), Arrays.copyOfRange(one, 1, one.length)).close();
            } catch (ExecutionException e) {
                System.out.println(one[0] + " " + e.getCause().getClass().getSimpleName());
            }
        }
    }

    public static void main(String[] words) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", words[0]);
        conf.setString("client.lookup.batch-timeout", "1ms");
        conf.setString("client.writer.batch-timeout", "20ms");
        conf.setString("client.writer.retries", "1");
        connection = ConnectionFactory.createConnection(conf);
        admin = connection.getAdmin();
        engines();
        types();
        aggregates();
        partialUpdates();
        prefixes();
        refusals();
        connection.close();
        System.exit(0);
    }
}
