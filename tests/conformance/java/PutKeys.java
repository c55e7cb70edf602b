import org.apache.fluss.client.*;
import org.apache.fluss.client.table.*;
import org.apache.fluss.client.table.writer.*;
import org.apache.fluss.config.*;
import org.apache.fluss.metadata.*;
import org.apache.fluss.row.*;

/** Puts the keys FROM to TO - 1 into a table (id BIGINT, v STRING). Usage: PutKeys HOST:PORT TABLE FROM TO. */
public class PutKeys {
    public static void main(String[] words) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("bootstrap.servers", words[0]);
        try (Connection connection = ConnectionFactory.createConnection(conf); Table table = connection.getTable(TablePath.of("fluss", words[1]))) {
            UpsertWriter writer = table.newUpsert().createWriter();
            for (long id = Long.parseLong(words[2]); id < Long.parseLong(words[3]); id++) writer.upsert(GenericRow.of(id, BinaryString.fromString("v")));
            writer.flush();
        }
        System.exit(0);
    }
}
