import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.ResultKind;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/**
 * A Flink of one process that a test talks to: a request is one line of JSON on standard input, its answer one line on standard output.
 *
 * <p>{@code {"sql": TEXT, "rows": N, "seconds": S}} runs a statement as the SQL client would. A query's rows come as {@code [KIND, VALUE...]}, a
 * value as its text or null; in streaming mode the query is ended once N rows came, or none for S seconds. An INSERT is waited for in batch
 * mode; in streaming mode its job is named in the answer, unless {@code "wait": true}. {@code "from"} is the savepoint that a job starts from.
 * {@code {"job": ID, "do": "cancel"|"savepoint"|"status"|"wait"}} speaks of such a job.
 */
public final class FlinkSql {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern SET = Pattern.compile("(?is)\\s*SET\\s+'([^']+)'\\s*=\\s*'([^']*)'\\s*");
    /** Statements that change what a session sees, not what the tables hold: each of the two environments must see them. */
    private static final Pattern SESSION = Pattern.compile("(?is)\\s*(CREATE\\s+CATALOG|DROP\\s+CATALOG|USE|CREATE\\s+TEMPORARY|DROP\\s+TEMPORARY)\\b.*");

    private final MiniCluster cluster;
    private final Configuration client = new Configuration();
    private final TableEnvironment batch;
    private final TableEnvironment streaming;
    private boolean batchMode;

    private FlinkSql() throws Exception {
        Configuration settings = new Configuration();
        settings.setString("rest.bind-address", "127.0.0.1");
        settings.setString("rest.address", "127.0.0.1");
        settings.setString("rest.bind-port", "0");
        settings.setString("taskmanager.memory.managed.size", "256m");
        settings.setString("taskmanager.memory.network.min", "64m");
        settings.setString("taskmanager.memory.network.max", "64m");
        cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(settings).setNumTaskManagers(1).setNumSlotsPerTaskManager(16).build());
        cluster.start();
        client.setString("execution.target", "remote");
        client.setString("rest.address", "127.0.0.1");
        client.setString("rest.port", String.valueOf(cluster.getRestAddress().get().getPort()));
        client.setString("parallelism.default", "2");
        client.setString("table.exec.resource.default-parallelism", "2");
        client.setString("execution.checkpointing.interval", "500ms");
        client.setString("restart-strategy.type", "none");
        batch = TableEnvironment.create(EnvironmentSettings.newInstance().inBatchMode().withConfiguration(client).build());
        streaming = TableEnvironment.create(EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(client).build());
    }

    private ObjectNode run(JsonNode request) throws Exception {
        ObjectNode answer = JSON.createObjectNode();
        String text = request.get("sql").asText();
        Matcher set = SET.matcher(text);
        if (set.matches()) {
            if (set.group(1).equals("execution.runtime-mode")) {
                batchMode = set.group(2).toLowerCase(Locale.ROOT).equals("batch");
            } else {
                batch.getConfig().set(set.group(1), set.group(2));
                streaming.getConfig().set(set.group(1), set.group(2));
            }
            return answer;
        }
        if (SESSION.matcher(text).matches()) {
            batch.executeSql(text);
            streaming.executeSql(text);
            return answer;
        }
        TableEnvironment environment = request.has("from") ? from(request.get("from").asText()) : batchMode ? batch : streaming;
        TableResult result = environment.executeSql(text);
        boolean inserts = text.trim().toUpperCase(Locale.ROOT).matches("(?s)(INSERT|UPDATE|DELETE|EXECUTE)\\b.*");
        if (inserts) {
            answer.put("job", result.getJobClient().map(client -> client.getJobID().toHexString()).orElse(null));
            if (batchMode || request.path("wait").asBoolean()) {
                result.await(request.path("seconds").asInt(120), TimeUnit.SECONDS);
            }
            return answer;
        }
        if (result.getResultKind() == ResultKind.SUCCESS) {
            return answer;
        }
        ArrayNode columns = answer.putArray("columns");
        result.getResolvedSchema().getColumnNames().forEach(columns::add);
        ArrayNode rows = answer.putArray("rows");
        boolean endless = !batchMode && result.getJobClient().isPresent();
        collect(result, rows, endless ? request.path("rows").asInt(Integer.MAX_VALUE) : Integer.MAX_VALUE, request.path("seconds").asInt(60));
        return answer;
    }

    /** Where a job starts from stays with its environment, so this is one for a single statement. */
    private TableEnvironment from(String savepoint) {
        Configuration settings = new Configuration(client);
        settings.setString("execution.state-recovery.path", savepoint);
        TableEnvironment fresh = TableEnvironment.create(EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings).build());
        String catalog = streaming.getCurrentCatalog();
        fresh.registerCatalog(catalog, streaming.getCatalog(catalog).get());
        fresh.useCatalog(catalog);
        fresh.useDatabase(streaming.getCurrentDatabase());
        return fresh;
    }

    /** An endless query gives no sign when nothing comes, so its rows are taken by a thread of its own. */
    private static void collect(TableResult result, ArrayNode rows, int limit, int seconds) throws Exception {
        BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
        Object end = new Object();
        CloseableIterator<Row> iterator = result.collect();
        Thread taker = new Thread(() -> {
            try {
                while (iterator.hasNext()) {
                    arrived.add(iterator.next());
                }
                arrived.add(end);
            } catch (Throwable failure) {
                arrived.add(failure);
            }
        });
        taker.setDaemon(true);
        taker.start();
        while (rows.size() < limit) {
            Object next = arrived.poll(seconds, TimeUnit.SECONDS);
            if (next == null || next == end) {
                break;
            }
            if (next instanceof Throwable) {
                throw new Exception((Throwable) next);
            }
            Row row = (Row) next;
            ArrayNode cells = rows.addArray();
            cells.add(row.getKind().shortString());
            for (int i = 0; i < row.getArity(); ++i) {
                Object value = row.getField(i);
                cells.add(value == null ? null : value instanceof byte[] ? hex((byte[]) value) : value.toString());
            }
        }
        iterator.close();
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) {
            text.append(String.format("%02x", b));
        }
        return text.toString();
    }

    private ObjectNode job(JsonNode request) throws Exception {
        ObjectNode answer = JSON.createObjectNode();
        JobID job = JobID.fromHexString(request.get("job").asText());
        int seconds = request.path("seconds").asInt(60);
        switch (request.get("do").asText()) {
            case "cancel":
                cluster.cancelJob(job).get(seconds, TimeUnit.SECONDS);
                cluster.requestJobResult(job).get(seconds, TimeUnit.SECONDS);
                break;
            case "savepoint":
                answer.put("path", cluster.stopWithSavepoint(job, request.get("path").asText(), false, SavepointFormatType.CANONICAL).get(seconds, TimeUnit.SECONDS));
                cluster.requestJobResult(job).get(seconds, TimeUnit.SECONDS);
                break;
            case "wait":
                cluster.requestJobResult(job).get(seconds, TimeUnit.SECONDS).toJobExecutionResult(FlinkSql.class.getClassLoader());
                break;
            case "status":
                answer.put("status", cluster.getJobStatus(job).get(seconds, TimeUnit.SECONDS).toString());
                break;
            default:
                throw new IllegalArgumentException("no such thing to do with a job: " + request.get("do"));
        }
        return answer;
    }

    private static List<String> causes(Throwable failure) {
        List<String> texts = new ArrayList<>();
        for (Throwable each = failure; each != null && texts.size() < 20; each = each.getCause()) {
            texts.add(each.getClass().getSimpleName() + ": " + each.getMessage());
        }
        return texts;
    }

    public static void main(String[] words) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err);
        FlinkSql flink = new FlinkSql();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = in.readLine()) != null; ) {
            ObjectNode answer;
            try {
                JsonNode request = JSON.readTree(line);
                answer = request.has("job") ? flink.job(request) : flink.run(request);
            } catch (Throwable failure) {
                answer = JSON.createObjectNode();
                ArrayNode error = answer.putArray("error");
                causes(failure).forEach(error::add);
                StringWriter trace = new StringWriter();
                failure.printStackTrace(new PrintWriter(trace));
                System.err.println(trace);
            }
            out.println(JSON.writeValueAsString(answer));
            out.flush();
        }
        flink.cluster.close();
        System.exit(0);
    }
}
