import java.util.*;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.*;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.*;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.data.parquet.GenericParquetWriter;
import org.apache.iceberg.hadoop.HadoopCatalog;
import org.apache.iceberg.io.*;
import org.apache.iceberg.parquet.Parquet;

/**
 * Reads and changes lake tables with the Java Iceberg library. Usage: IcebergLake read WAREHOUSE TABLE... ("TABLE rows offsets" each) |
 * history WAREHOUSE TABLE (rows of each snapshot) | rewrite WAREHOUSE TABLE (all data files into one, with what is deleted left out) | expire WAREHOUSE TABLE |
 * delete WAREHOUSE TABLE ID BUCKET (by equality).
 */
public class IcebergLake {
    static List<Record> rows(TableScan scan, Table table) throws Exception {
        List<Record> all = new ArrayList<>();
        IcebergGenerics.ScanBuilder builder = IcebergGenerics.read(table);
        if (scan != null) builder = builder.useSnapshot(scan.snapshot().snapshotId());
        try (CloseableIterable<Record> records = builder.build()) {
            for (Record record : records) all.add(record.copy());
        }
        return all;
    }

    public static void main(String[] args) throws Exception {
        HadoopCatalog catalog = new HadoopCatalog(new Configuration(), args[1]);
        for (int i = 2; i < args.length; i++) {
            Table table = catalog.loadTable(TableIdentifier.parse(args[i]));
            if (args[0].equals("read")) {
                long offsets = 0;
                List<Record> all = rows(null, table);
                for (Record record : all) offsets += (Long) record.getField("__offset");
                System.out.println(args[i] + " " + all.size() + " " + offsets);
            } else if (args[0].equals("history")) {
                for (Snapshot snapshot : table.snapshots())
                    System.out.println(snapshot.sequenceNumber() + " " + rows(table.newScan().useSnapshot(snapshot.snapshotId()), table).size());
            } else if (args[0].equals("rewrite")) {
                Set<DataFile> old = new HashSet<>();
                Set<DeleteFile> deletes = new HashSet<>();
                Map<String, List<FileScanTask>> byPartition = new TreeMap<>();
                try (CloseableIterable<FileScanTask> tasks = table.newScan().planFiles()) {
                    for (FileScanTask task : tasks) byPartition.computeIfAbsent(task.partition().toString(), k -> new ArrayList<>()).add(task);
                }
                RewriteFiles rewrite = table.newRewrite().validateFromSnapshot(table.currentSnapshot().snapshotId());
                int count = 0;
                for (List<FileScanTask> group : byPartition.values()) {
                    OutputFile out = table.io().newOutputFile(table.locationProvider().newDataLocation(table.spec(), group.get(0).partition(), "java-" + UUID.randomUUID() + ".parquet"));
                    DataWriter<Record> writer = Parquet.writeData(out).schema(table.schema()).withSpec(table.spec()).withPartition(group.get(0).partition())
                        .createWriterFunc(GenericParquetWriter::create).build();
                    try (writer) {
                        for (FileScanTask task : group) {
                            GenericDeleteFilter filter = new GenericDeleteFilter(table.io(), task, table.schema(), table.schema());
                            CloseableIterable<Record> file = Parquet.read(table.io().newInputFile(task.file().location())).project(filter.requiredSchema())
                                .createReaderFunc(s -> org.apache.iceberg.data.parquet.GenericParquetReaders.buildReader(filter.requiredSchema(), s, Map.of(MetadataColumns.FILE_PATH.fieldId(), task.file().location()))).build();
                            for (Record record : filter.filter(file)) {
                                GenericRecord copy = GenericRecord.create(table.schema());
                                for (org.apache.iceberg.types.Types.NestedField field : table.schema().columns()) copy.setField(field.name(), record.getField(field.name()));
                                writer.write(copy);
                            }
                            file.close();
                            old.add(task.file());
                            deletes.addAll(task.deletes());
                            count++;
                        }
                    }
                    rewrite.addFile(writer.toDataFile());
                }
                old.forEach(rewrite::deleteFile);
                deletes.forEach(rewrite::deleteFile);
                rewrite.commit();
                System.out.println(count);
            } else if (args[0].equals("delete")) {  // WAREHOUSE TABLE ID BUCKET: the key is the first column
                Schema key = new Schema(table.schema().columns().get(0));
                PartitionData partition = new PartitionData(table.spec().partitionType());
                partition.set(0, Integer.parseInt(args[4]));
                OutputFile out = table.io().newOutputFile(table.locationProvider().newDataLocation(table.spec(), partition, "java-" + UUID.randomUUID() + ".parquet"));
                org.apache.iceberg.deletes.EqualityDeleteWriter<Record> writer = Parquet.writeDeletes(out).forTable(table).rowSchema(key).withPartition(partition)
                    .createWriterFunc(GenericParquetWriter::create).equalityFieldIds(List.of(key.columns().get(0).fieldId())).buildEqualityWriter();
                try (writer) {
                    GenericRecord record = GenericRecord.create(key);
                    record.set(0, Long.parseLong(args[3]));
                    writer.write(record);
                }
                table.newRowDelta().addDeletes(writer.toDeleteFile()).commit();
                break;
            } else if (args[0].equals("expire")) {
                table.expireSnapshots().expireOlderThan(System.currentTimeMillis()).retainLast(2).commit();
                int left = 0;
                for (Snapshot snapshot : table.snapshots()) left++;
                System.out.println(left);
            }
        }
    }
}
