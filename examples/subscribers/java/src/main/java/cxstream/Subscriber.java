package cxstream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Tells each reward and change of tier once: {@code java cxstream.Subscriber told.tsv}, with Kafka named by
 * CX_KAFKA__BOOTSTRAP.
 *
 * <p>A line of the file is a message: id, customer, text. It is on disk before the offset is committed, and what is in the
 * file is not told again; so it may be killed at any instant. Where messages go to a gateway instead, hand over the id as
 * its idempotency key: examples/notification_service.py shows that, with templates and more.
 */
public final class Subscriber {
  private static final List<String> TOPICS = List.of("cx.rewards", "cx.tier-changes");
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What was told, in a file that outlives us. */
  private static final class Told implements AutoCloseable {
    private final Set<String> ids = new HashSet<>();
    private final FileChannel file;

    Told(Path path) throws IOException {
      byte[] found = Files.exists(path) ? Files.readAllBytes(path) : new byte[0];
      int whole = found.length;
      while (whole > 0 && found[whole - 1] != '\n') {
        whole--;
      }
      new String(found, 0, whole, StandardCharsets.UTF_8).lines().forEach(line -> ids.add(line.split("\t")[0]));
      file = new RandomAccessFile(path.toFile(), "rw").getChannel();
      file.truncate(whole); // a death in the middle of a line
      file.position(whole);
    }

    /** Tells a message unless it was told; on disk when this returns. */
    void tell(String id, String customer, String text) throws IOException {
      if (ids.contains(id)) {
        return;
      }
      String line = id + "\t" + customer + "\t" + text.replaceAll("[\t\r\n]", " ") + "\n";
      ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
      file.force(false);
      ids.add(id);
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }

  /** Returns what an event has to tell its customer: nothing for other types, or where they do not want to hear. */
  private static Optional<String> textOf(JsonNode event) {
    JsonNode data = event.path("data");
    boolean vi = data.path("locale").asText("vi").startsWith("vi");
    if (!data.path("notify").asBoolean(false)) {
      return Optional.empty();
    }
    return switch (event.path("type").asText()) {
      case "reward.issued" ->
          Optional.of((vi ? "Quà của bạn: " : "Your gift: ") + data.path("brand").asText() + ".");
      case "tier.upgraded" ->
          Optional.of((vi ? "Chúc mừng! Bạn đã lên hạng " : "Congratulations! You are now ") + data.path("to").asText() + ".");
      default -> Optional.empty();
    };
  }

  private static String environment(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }

  /** Works until it is asked to end. */
  public static void main(String[] arguments) throws Exception {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers", environment("CX_KAFKA__BOOTSTRAP", "127.0.0.1:9092"),
            "group.id", environment("GROUP", "subscriber-java"),
            "isolation.level", "read_committed", // Java's default is not: it shows what never was
            "enable.auto.commit", "false", // we commit, behind what is on disk
            "auto.offset.reset", "earliest",
            "session.timeout.ms", environment("SESSION_TIMEOUT_MS", "45000"),
            "heartbeat.interval.ms", "500");
    var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    Thread main = Thread.currentThread();
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  consumer.wakeup();
                  try {
                    main.join(10_000);
                  } catch (InterruptedException interrupted) {
                    Thread.currentThread().interrupt();
                  }
                }));
    try (consumer;
        Told told = new Told(Path.of(arguments.length > 0 ? arguments[0] : "told.tsv"))) {
      consumer.subscribe(TOPICS);
      while (true) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
          JsonNode event = JSON.readTree(record.value());
          Optional<String> text = textOf(event);
          if (text.isPresent()) {
            told.tell(event.path("id").asText(), event.path("subject").asText(), text.get());
          }
        }
        consumer.commitSync();
      }
    } catch (WakeupException asked) {
      // To end: the file and the group are left in order.
    }
  }

  private Subscriber() {}
}
