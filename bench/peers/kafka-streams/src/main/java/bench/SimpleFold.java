package bench;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The simple fold on Kafka Streams: the same work as bench/harness/fold.py, RocksDB state with its cache, changelog topic.
 *
 * <p>Settings (Kafka's documentation, "Configuring a Streams Application"): exactly_once_v2 with its own default commit
 * interval of 100 ms; at least once with the same interval, so that both write a like changelog, and once more with its
 * default of 30 s, where nearly all changes of a customer become one. One thread: a second one on two cores takes them from
 * the broker. All else is Kafka Streams' default.
 */
public final class SimpleFold {
  private static final int SEEN_MAX = 32;
  private static final String STORE = "customers";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What is read of a purchase. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public static final class Purchase {
    public String event_id;
    public String customer_id;
    public long amount;
    public long serial;
  }

  /** What is kept of a customer. */
  public static final class State {
    public long spend;
    public long n;
    public List<String> seen = new ArrayList<>();
  }

  /** What is published for a purchase. */
  public record Answer(String customer_id, String event_id, long serial, long spend, long n) {}

  private static final class Fold implements Processor<String, Purchase, String, Answer> {
    private final long every;
    private ProcessorContext<String, Answer> context;
    private KeyValueStore<String, State> customers;

    Fold(long every) {
      this.every = every;
    }

    @Override
    public void init(ProcessorContext<String, Answer> context) {
      this.context = context;
      this.customers = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, Purchase> record) {
      Purchase purchase = record.value();
      State state = customers.get(record.key());
      if (state == null) {
        state = new State();
      }
      state.spend += purchase.amount;
      state.n += 1;
      state.seen.add(purchase.event_id);
      if (state.seen.size() > SEEN_MAX) {
        state.seen.remove(0);
      }
      customers.put(record.key(), state);
      if (purchase.serial % every == 0) {
        context.forward(
            record.withValue(
                new Answer(purchase.customer_id, purchase.event_id, purchase.serial, state.spend, state.n)));
      }
    }
  }

  private static <T> Serde<T> json(Class<T> type) {
    return Serdes.serdeFrom(
        (topic, value) -> {
          try {
            return value == null ? null : JSON.writeValueAsBytes(value);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        },
        (topic, bytes) -> {
          try {
            return bytes == null ? null : JSON.readValue(bytes, type);
          } catch (IOException error) {
            throw new UncheckedIOException(error);
          }
        });
  }

  private static Topology topology(Map<String, String> job) {
    long every = Long.parseLong(job.get("BENCH_EVERY"));
    var store =
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.String(), json(State.class))
            .withCachingEnabled();
    return new Topology()
        .addSource(
            "purchases",
            Serdes.String().deserializer(),
            json(Purchase.class).deserializer(),
            job.get("BENCH_SOURCE"))
        .addProcessor("fold", () -> new Fold(every), "purchases")
        .addStateStore(store, "fold")
        .addSink(
            "answers",
            job.get("BENCH_OUTPUT"),
            Serdes.String().serializer(),
            json(Answer.class).serializer(),
            "fold");
  }

  private static Properties settings(Map<String, String> job) {
    boolean exactlyOnce = job.get("BENCH_GUARANTEE").equals("exactly-once");
    var settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.get("BENCH_APP"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("BENCH_BOOTSTRAP"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, job.get("BENCH_FOLDER"));
    settings.put(
        StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
        exactlyOnce ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.getOrDefault("BENCH_COMMIT_MS", "100"));
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    return settings;
  }

  public static void main(String[] arguments) throws InterruptedException {
    Map<String, String> job = System.getenv();
    var ended = new CountDownLatch(1);
    var streams = new KafkaStreams(topology(job), settings(job));
    streams.setStateListener(
        (now, before) -> {
          if (now == KafkaStreams.State.ERROR) {
            Runtime.getRuntime().halt(1);
          }
        });
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  streams.close();
                  ended.countDown();
                }));
    streams.start();
    ended.await();
  }
}
