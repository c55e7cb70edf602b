import java.math.BigDecimal;
import java.time.Duration;
import java.util.*;
import org.apache.fluss.client.*;
import org.apache.fluss.client.admin.*;
import org.apache.fluss.client.table.*;
import org.apache.fluss.client.table.scanner.*;
import org.apache.fluss.client.table.scanner.log.*;
import org.apache.fluss.client.table.writer.*;
import org.apache.fluss.config.*;
import org.apache.fluss.metadata.*;
import org.apache.fluss.row.*;
import org.apache.fluss.types.*;

/** Log tables through the unmodified Java client. Usage: LogTables HOST:PORT. Prints a line per check, fails at the first that is wrong. */
public class LogTables {
    static Connection connection;
    static Admin admin;

    static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
        System.out.println("ok " + what);
    }

    static Schema schema() {
        return Schema.newBuilder()
                .column("id", DataTypes.BIGINT())
                .column("name", DataTypes.STRING())
                .column("price", DataTypes.DECIMAL(15, 2))
                .column("wide", DataTypes.DECIMAL(30, 5))
                .column("day", DataTypes.DATE())
                .column("at", DataTypes.TIMESTAMP(6))
                .column("zoned", DataTypes.TIMESTAMP_LTZ(3))
                .column("flag", DataTypes.BOOLEAN())
                .column("ratio", DataTypes.DOUBLE())
                .column("bytes", DataTypes.BYTES())
                .build();
    }

    static GenericRow row(long i) {
        return GenericRow.of(
                i, i % 3 == 0 ? null : BinaryString.fromString("name " + i),
                Decimal.fromBigDecimal(new BigDecimal(i).movePointLeft(2), 15, 2),
                Decimal.fromBigDecimal(new BigDecimal(i * 1_000_003).movePointLeft(5), 30, 5),
                (int) i, TimestampNtz.fromMillis(1_700_000_000_000L + i, (int) (i % 1000) * 1000), TimestampLtz.fromEpochMillis(i),
                i % 2 == 0, i / 4.0, new byte[] {(byte) i, 1});
    }

    static List<ScanRecord> readAll(Table table, int buckets, int rows, Long partition, int... columns) throws Exception {
        List<ScanRecord> records = new ArrayList<>();
        try (LogScanner scanner = columns.length == 0 ? table.newScan().createLogScanner() : table.newScan().project(columns).createLogScanner()) {
            for (int bucket = 0; bucket < buckets; bucket++) {
                if (partition == null) scanner.subscribeFromBeginning(bucket);
                else scanner.subscribeFromBeginning(partition, bucket);
            }
            long end = System.nanoTime() + 30_000_000_000L;
            while (records.size() < rows && System.nanoTime() < end) {
                for (ScanRecord record : scanner.poll(Duration.ofMillis(500))) records.add(record);
            }
        }
        return records;
    }

    static void formats() throws Exception {
        for (String[] format : new String[][] {{"ARROW", "ZSTD"}, {"ARROW", "LZ4_FRAME"}, {"ARROW", "NONE"}, {"INDEXED", "NONE"}, {"COMPACTED", "NONE"}}) {
            TablePath path = TablePath.of("java", ("t_" + format[0] + "_" + format[1]).toLowerCase());
            admin.createTable(path, TableDescriptor.builder().schema(schema()).distributedBy(2)
                    .property("table.log.format", format[0]).property("table.log.arrow.compression.type", format[1]).build(), false).get();
            try (Table table = connection.getTable(path)) {
                AppendWriter writer = table.newAppend().createWriter();
                for (long i = 0; i < 1000; i++) writer.append(row(i));
                writer.flush();
                List<ScanRecord> records = readAll(table, 2, 1000, null);
                Map<Long, InternalRow> byId = new HashMap<>();
                for (ScanRecord record : records) byId.put(record.getRow().getLong(0), record.getRow());
                boolean equal = records.size() == 1000 && byId.size() == 1000;
                for (long i = 0; i < 1000 && equal; i++) {
                    InternalRow r = byId.get(i);
                    GenericRow e = row(i);
                    equal = r.isNullAt(1) == e.isNullAt(1) && (r.isNullAt(1) || r.getString(1).toString().equals("name " + i))
                            && r.getDecimal(2, 15, 2).equals(e.getDecimal(2, 15, 2)) && r.getDecimal(3, 30, 5).equals(e.getDecimal(3, 30, 5))
                            && r.getInt(4) == i && r.getTimestampNtz(5, 6).equals(e.getTimestampNtz(5, 6))
                            && r.getTimestampLtz(6, 3).equals(e.getTimestampLtz(6, 3)) && r.getBoolean(7) == (i % 2 == 0)
                            && r.getDouble(8) == i / 4.0 && Arrays.equals(r.getBytes(9), e.getBytes(9));
                }
                check(equal, "1000 rows come back from " + String.join(" ", format));
                if (format[0].equals("ARROW")) {
                    List<ScanRecord> narrow = readAll(table, 2, 1000, null, 8, 0);
                    check(narrow.size() == 1000 && narrow.stream().allMatch(r -> r.getRow().getDouble(0) == r.getRow().getLong(1) / 4.0),
                            "columns 8 and 0 are projected from " + String.join(" ", format));
                }
            }
        }
    }

    static void partitions() throws Exception {
        TablePath path = TablePath.of("java", "parted");
        Schema schema = Schema.newBuilder().column("id", DataTypes.INT()).column("dt", DataTypes.STRING()).build();
        admin.createTable(path, TableDescriptor.builder().schema(schema).partitionedBy("dt").distributedBy(1).build(), false).get();
        admin.createPartition(path, new PartitionSpec(Collections.singletonMap("dt", "a")), false).get();
        try (Table table = connection.getTable(path)) {
            AppendWriter writer = table.newAppend().createWriter();
            for (int i = 0; i < 100; i++) writer.append(GenericRow.of(i, BinaryString.fromString(i % 2 == 0 ? "a" : "b")));
            writer.flush();
            List<PartitionInfo> infos = admin.listPartitionInfos(path).get();
            check(infos.size() == 2, "writing made the partition that was missing");
            for (PartitionInfo info : infos) check(readAll(table, 1, 50, info.getPartitionId()).size() == 50, "partition " + info.getPartitionName() + " has its 50 rows");
        }
    }

    static void offsets() throws Exception {
        TablePath path = TablePath.of("java", "t_arrow_zstd");
        Map<Integer, Long> latest = admin.listOffsets(path, Arrays.asList(0, 1), new OffsetSpec.LatestSpec()).all().get();
        check(latest.get(0) + latest.get(1) == 1000, "latest offsets count the rows");
        Map<Integer, Long> earliest = admin.listOffsets(path, Arrays.asList(0, 1), new OffsetSpec.EarliestSpec()).all().get();
        check(earliest.get(0) == 0 && earliest.get(1) == 0, "earliest offsets are 0");
        Map<Integer, Long> old = admin.listOffsets(path, Arrays.asList(0, 1), new OffsetSpec.TimestampSpec(1)).all().get();
        check(old.get(0) == 0, "an old timestamp is the beginning");
    }

    static void errors() throws Exception {
        expect("TableNotExistException", () -> admin.getTableInfo(TablePath.of("java", "nope")).get());
        expect("DatabaseAlreadyExistException", () -> admin.createDatabase("java", DatabaseDescriptor.EMPTY, false).get());
        expect("TableAlreadyExistException", () -> admin.createTable(TablePath.of("java", "parted"), TableDescriptor.builder().schema(schema()).distributedBy(1).build(), false).get());
        expect("DatabaseNotEmptyException", () -> admin.dropDatabase("java", false, false).get());
        expect("InvalidConfigException", () -> admin.createTable(TablePath.of("java", "bad"), TableDescriptor.builder().schema(schema()).distributedBy(1).property("table.log.format", "X").build(), false).get());
        expect("PartitionAlreadyExistsException", () -> admin.createPartition(TablePath.of("java", "parted"), new PartitionSpec(Collections.singletonMap("dt", "a")), false).get());
    }

    interface Action { void run() throws Exception; }

    static void expect(String exception, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception e) {
            for (Throwable t = e; t != null; t = t.getCause()) {
                if (t.getClass().getSimpleName().equals(exception)) {
                    check(true, exception + ": " + t.getMessage());
                    return;
                }
            }
            throw e;
        }
        throw new AssertionError(exception + " did not come");
    }

    static void evolution() throws Exception {
        TablePath path = TablePath.of("java", "growing");
        admin.createTable(path, TableDescriptor.builder().schema(Schema.newBuilder().column("id", DataTypes.INT()).build()).distributedBy(1).build(), false).get();
        admin.alterTable(path, Collections.singletonList(TableChange.addColumn("more", DataTypes.STRING(), null, TableChange.ColumnPosition.last())), false).get();
        check(admin.getTableInfo(path).get().getSchemaId() == 2, "a column was added");
        check(admin.getTableSchema(path, 1).get().getSchema().getColumnNames().equals(Collections.singletonList("id")), "the old schema is kept");
    }

    public static void main(String[] args) throws Exception {
        Configuration config = new Configuration();
        config.setString("bootstrap.servers", args[0]);
        connection = ConnectionFactory.createConnection(config);
        admin = connection.getAdmin();
        admin.createDatabase("java", DatabaseDescriptor.builder().comment("from java").build(), false).get();
        check(admin.getDatabaseInfo("java").get().getDatabaseDescriptor().getComment().get().equals("from java"), "a database has its comment");
        formats();
        partitions();
        offsets();
        evolution();
        errors();
        check(admin.describeClusterConfigs().get().size() > 0, "the cluster's configuration is told");
        check(admin.getServerNodes().get().size() == 2, "coordinator and tablet server are told");
        admin.dropDatabase("java", false, true).get();
        check(!admin.databaseExists("java").get(), "the database is gone with its tables");
        connection.close();
    }
}
