import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A consumer on Apache Kafka's own Java client that behaves as told and says what it did. Options, plan and truth are those of
 * kafka_behaviour.py, as far as they are here:
 *
 * <pre>
 *   --bootstrap --topic --group --count --plan --commit each|batch|async|auto|transaction --batch --abort --client-id
 *   --session-ms --fetch-wait-ms --backoff-ms --assignor range|cooperative-sticky --protocol classic|consumer|share --log
 *   --sasl --password
 *   --seeks one   a failure seeks that partition back, and nothing is handed on until the record comes again (default)
 *           all   as Spring's DefaultErrorHandler: what succeeded is committed, every partition of the remaining records is
 *                 sought back to the first of them, and nothing of what was polled is kept
 *   --poll N      max.poll.records
 * </pre>
 *
 * With --protocol share it does what share_client.py does. `delivered` is what the application's own code was given.
 */
public class KafkaJavaClient {
  static final String USER = "test-user", PASSWORD = "test-password";
  static final Map<Character, Integer> FAILURES =
      Map.of('a', 0, 's', 2, 'o', 1, 'r', 3, 'R', 3, 't', 2, 'T', 2, 'd', 1, 'D', 1);
  static final String[] TERMS = {
    "delivered", "refetched", "acked", "acked_paired", "requeued", "dead_lettered", "abandoned", "commits",
    "commit_failures", "assignments", "assigned", "revoked", "lost", "redelivered", "rejected"
  };

  record Place(TopicPartition partition, long offset) {}

  final Map<String, String> options;
  final Map<String, Integer> counts = new LinkedHashMap<>();
  final Map<Place, Integer> failed = new HashMap<>();
  /** Delivered and not yet settled, and whether its end is a dead letter. */
  final Map<TopicPartition, TreeMap<Long, Boolean>> given = new HashMap<>();
  final Set<Integer> seen = new HashSet<>();
  final String topic, mode, plan;
  final boolean seeksAll;
  /** What was polled and not yet looked at; after a seek of one partition nothing is handed on until `sought` comes again. */
  final ArrayDeque<ConsumerRecord<byte[], byte[]>> waiting = new ArrayDeque<>();
  TopicPartition sought;
  int left = 0, uncommitted = 0, unanswered = 0, transactions = 0;
  volatile boolean isStopping = false;
  boolean isConnected = false;
  KafkaConsumer<byte[], byte[]> consumer;
  KafkaProducer<byte[], byte[]> producer;
  static KafkaJavaClient current;

  public static void main(String[] words) throws Exception {
    var options = new HashMap<String, String>();
    for (int i = 0; i + 1 < words.length; i += 2) options.put(words[i].substring(2), words[i + 1]);
    current = new KafkaJavaClient(options);
    if (options.getOrDefault("protocol", "classic").equals("share")) current.share();
    else current.run();
    System.out.println(current.counts.entrySet().stream()
        .map(entry -> "\"" + entry.getKey() + "\": " + entry.getValue()).collect(Collectors.joining(", ", "{", "}")));
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  KafkaJavaClient(Map<String, String> options) {
    this.options = options;
    topic = options.get("topic");
    mode = options.getOrDefault("commit", "each");
    plan = options.getOrDefault("plan", "a");
    seeksAll = options.getOrDefault("seeks", "one").equals("all");
    for (String term : TERMS) counts.put(term, 0);
  }

  // --- what it counts

  void count(String term, int by) { counts.merge(term, by, Integer::sum); }

  void journal(Object... words) {
    if (!options.containsKey("log")) return;
    var now = Instant.now();
    var line = (now.getEpochSecond() * 1_000_000_000L + now.getNano()) + " "
        + Arrays.stream(words).map(String::valueOf).collect(Collectors.joining(" ")) + "\n";
    try {
      Files.writeString(Path.of(options.get("log")), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (java.io.IOException problem) {
      throw new java.io.UncheckedIOException(problem);
    }
  }

  static int number(ConsumerRecord<byte[], byte[]> record) {
    return Integer.parseInt(new String(record.value(), 0, 9, StandardCharsets.US_ASCII));
  }

  static TopicPartition partition(ConsumerRecord<byte[], byte[]> record) {
    return new TopicPartition(record.topic(), record.partition());
  }

  char fate(ConsumerRecord<byte[], byte[]> record) { return plan.charAt(number(record) % plan.length()); }

  /** Whether it goes no further with this record but back to it. */
  boolean failsAgain(ConsumerRecord<byte[], byte[]> record) throws Exception {
    int number = number(record);
    journal("got", number, seen.add(number) ? 0 : 1);
    char fate = fate(record);
    var place = new Place(partition(record), record.offset());
    int before = failed.getOrDefault(place, 0), limit = FAILURES.get(fate);
    boolean dies = "rRtTdD".indexOf(fate) >= 0;
    count(fate == 'o' && before > 0 ? "refetched" : "delivered", 1);
    if (before < limit && (!dies || before + 1 < limit)) {
      failed.put(place, before + 1);
      if (fate != 'o') count("requeued", 1);
      return true;
    }
    failed.remove(place);
    if (dies) {
      count("dead_lettered", 1);
      deadLetter(record, "rtd".indexOf(fate) >= 0);
    }
    given.computeIfAbsent(place.partition(), p -> new TreeMap<>()).put(record.offset(), dies);
    left++;
    uncommitted++;
    return false;
  }

  void committed(Map<TopicPartition, OffsetAndMetadata> offsets) {
    count("commits", 1);
    offsets.forEach((partition, position) -> {
      var settled = given.getOrDefault(partition, new TreeMap<>()).headMap(position.offset());
      settled.values().forEach(isDead -> count(isDead ? "acked_paired" : "acked", 1));
      settled.clear();
    });
    uncommitted = given.values().stream().mapToInt(Map::size).sum();
  }

  void abandon(Collection<TopicPartition> partitions) {
    for (var partition : partitions) {
      var gone = given.remove(partition);
      if (gone != null) count("abandoned", (int) gone.values().stream().filter(isDead -> !isDead).count());
    }
    uncommitted = given.values().stream().mapToInt(Map::size).sum();
  }

  // --- what it does

  /** What Spring's DeadLetterPublishingRecoverer puts into a dead letter: numbers as they are, in network order. */
  void deadLetter(ConsumerRecord<byte[], byte[]> record, boolean isMarked) throws Exception {
    var headers = new RecordHeaders();
    if (isMarked) {
      headers.add(new RecordHeader("kafka_dlt-original-topic", record.topic().getBytes(StandardCharsets.UTF_8)));
      headers.add(new RecordHeader(
          "kafka_dlt-original-partition", ByteBuffer.allocate(Integer.BYTES).putInt(record.partition()).array()));
      headers.add(new RecordHeader(
          "kafka_dlt-original-offset", ByteBuffer.allocate(Long.BYTES).putLong(record.offset()).array()));
      headers.add(new RecordHeader(
          "kafka_dlt-original-consumer-group", options.get("group").getBytes(StandardCharsets.UTF_8)));
    }
    var copy = new ProducerRecord<>(topic + ".DLT", null, record.key(), record.value(), headers);
    var sent = producer.send(copy);
    if (!mode.equals("transaction")) sent.get();
  }

  Map<TopicPartition, OffsetAndMetadata> uncommitted() {
    var offsets = new HashMap<TopicPartition, OffsetAndMetadata>();
    given.forEach((partition, records) -> {
      if (!records.isEmpty()) offsets.put(partition, new OffsetAndMetadata(records.lastKey() + 1));
    });
    return offsets;
  }

  boolean commitIsDue() {
    int batch = Integer.parseInt(options.getOrDefault("batch", "10"));
    return switch (mode) {
      case "each", "async" -> uncommitted > 0;
      case "batch", "transaction" -> uncommitted >= batch;
      default -> false;
    };
  }

  void commit() {
    var offsets = uncommitted();
    if (offsets.isEmpty()) return;
    switch (mode) {
      case "async" -> {
        unanswered++;
        uncommitted = 0;
        consumer.commitAsync(offsets, (answered, problem) -> {
          unanswered--;
          if (problem == null) committed(answered);
          else count("commit_failures", 1);
        });
      }
      case "transaction" -> {
        transactions++;
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (transactions == Integer.parseInt(options.getOrDefault("abort", "0"))) abort();
        else {
          producer.commitTransaction();
          committed(offsets);
        }
        producer.beginTransaction();
      }
      default -> {
        try {
          consumer.commitSync(offsets);
          committed(offsets);
        } catch (KafkaException problem) {
          count("commit_failures", 1);
        }
      }
    }
  }

  /** What was given since the last commit is taken back: one failed attempt per partition. */
  void abort() {
    producer.abortTransaction();
    given.forEach((partition, records) -> {
      if (records.isEmpty()) return;
      count("requeued", 1);
      count("delivered", 1 - records.size());
      count("refetched", records.size() - 1);
      left -= records.size();
      waiting.removeIf(record -> partition(record).equals(partition));
      consumer.seek(partition, records.firstKey());
      records.clear();
    });
    uncommitted = 0;
  }

  /** As Spring's SeekUtils: what remains is polled again, all of it. `first` is part of it, or has been dealt with. */
  void seekAll(ConsumerRecord<byte[], byte[]> first) throws Exception {
    var positions = new LinkedHashMap<TopicPartition, Long>();
    if (first != null) positions.put(partition(first), first.offset());
    for (var record : waiting) positions.putIfAbsent(partition(record), record.offset());
    waiting.clear();
    positions.forEach(consumer::seek);
    Thread.sleep(Long.parseLong(options.getOrDefault("backoff-ms", "60")));
  }

  void handle(ConsumerRecord<byte[], byte[]> record) throws Exception {
    if (failsAgain(record)) {
      if (seeksAll) {
        commit();
        seekAll(record);
      } else {
        sought = partition(record);
        waiting.removeIf(other -> partition(other).equals(sought));
        consumer.seek(sought, record.offset());
        Thread.sleep(Long.parseLong(options.getOrDefault("backoff-ms", "60")));
      }
      return;
    }
    boolean isDead = given.get(partition(record)).get(record.offset());
    if (mode.equals("transaction") && !isDead) producer.send(new ProducerRecord<>(topic + ".out", record.value()));
    if (isDead && seeksAll) {
      commit();
      seekAll(null);
    } else if (commitIsDue()) commit();
  }

  void poll() throws Exception {
    if (waiting.isEmpty() || sought != null) {
      for (var record : consumer.poll(Duration.ofMillis(50))) {
        if (partition(record).equals(sought)) {
          sought = null;
          waiting.addFirst(record);
        } else waiting.addLast(record);
      }
    }
    if (sought == null && !waiting.isEmpty()) handle(waiting.removeFirst());
  }

  final ConsumerRebalanceListener listener = new ConsumerRebalanceListener() {
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      count("assignments", 1);
      count("assigned", partitions.size());
      abandon(partitions);
      journal("assigned", partitions.size());
      if (!partitions.isEmpty() && !isConnected) {
        isConnected = true;
        journal("connected", ProcessHandle.current().pid());
      }
    }

    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      if (mode.equals("batch")) commit();
      gone("revoked", partitions);
    }

    public void onPartitionsLost(Collection<TopicPartition> partitions) { gone("lost", partitions); }

    void gone(String how, Collection<TopicPartition> partitions) {
      count(how, partitions.size());
      journal(how, partitions.size());
      waiting.removeIf(record -> partitions.contains(partition(record)));
      if (sought != null && partitions.contains(sought)) sought = null;
      // The library's own commit comes after this callback.
      if (!mode.equals("auto")) abandon(partitions);
      failed.keySet().removeIf(place -> partitions.contains(place.partition()));
    }
  };

  /** The library tells of the commits that it makes by itself here alone. */
  public static class Observer implements ConsumerInterceptor<byte[], byte[]> {
    public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) { return records; }
    public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) { current.committed(offsets); }
    public void close() {}
    public void configure(Map<String, ?> settings) {}
  }

  /** The mock broker refuses a follower's SyncGroup that comes after the leader's: who leads, and so assigns, waits. */
  static void waitForFollowers(ConsumerPartitionAssignor.GroupSubscription members) {
    try {
      if (members.groupSubscription().size() > 1) Thread.sleep(300);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  public static class PatientRange extends RangeAssignor {
    @Override
    public GroupAssignment assign(Cluster cluster, GroupSubscription members) {
      waitForFollowers(members);
      return super.assign(cluster, members);
    }
  }

  public static class PatientCooperative extends CooperativeStickyAssignor {
    @Override
    public GroupAssignment assign(Cluster cluster, GroupSubscription members) {
      waitForFollowers(members);
      return super.assign(cluster, members);
    }
  }

  Properties common() {
    var settings = new Properties();
    settings.put("bootstrap.servers", options.get("bootstrap"));
    settings.put("client.id", options.getOrDefault("client-id", "java"));
    if (options.containsKey("sasl")) {
      var module = options.get("sasl").equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
      settings.put("security.protocol", "SASL_PLAINTEXT");
      settings.put("sasl.mechanism", options.get("sasl"));
      settings.put("sasl.jaas.config", "org.apache.kafka.common.security." + module + " required username=\"" + USER
          + "\" password=\"" + options.getOrDefault("password", PASSWORD) + "\";");
    }
    return settings;
  }

  Properties consumerSettings() {
    var settings = common();
    settings.put("group.id", options.get("group"));
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("fetch.max.wait.ms", options.getOrDefault("fetch-wait-ms", "20"));
    return settings;
  }

  void run() throws Exception {
    var settings = consumerSettings();
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", String.valueOf(mode.equals("auto")));
    settings.put("auto.commit.interval.ms", "200");
    if (mode.equals("auto")) settings.put("interceptor.classes", Observer.class.getName());
    if (options.containsKey("poll")) settings.put("max.poll.records", options.get("poll"));
    if (options.getOrDefault("protocol", "classic").equals("consumer")) settings.put("group.protocol", "consumer");
    else {
      int session = Integer.parseInt(options.getOrDefault("session-ms", "6000"));
      settings.put("session.timeout.ms", session);
      settings.put("heartbeat.interval.ms", session / 4);
      boolean isCooperative = options.getOrDefault("assignor", "range").equals("cooperative-sticky");
      settings.put("partition.assignment.strategy",
          (isCooperative ? PatientCooperative.class : PatientRange.class).getName());
    }
    var produced = common();
    produced.put("key.serializer", ByteArraySerializer.class.getName());
    produced.put("value.serializer", ByteArraySerializer.class.getName());
    produced.put("linger.ms", 0);
    if (mode.equals("transaction")) produced.put("transactional.id", options.get("group") + "-java");
    producer = new KafkaProducer<>(produced);
    consumer = new KafkaConsumer<>(settings);
    if (options.containsKey("log")) {
      // SIGTERM: the loop ends in good order.
      Runtime.getRuntime().addShutdownHook(new Thread(() -> {
        journal("closing");
        isStopping = true;
        try {
          Thread.sleep(20_000);
        } catch (InterruptedException ignored) {
        }
      }));
    }
    int count = Integer.parseInt(options.getOrDefault("count", "0"));
    if (mode.equals("transaction")) {
      producer.initTransactions();
      producer.beginTransaction();
    }
    consumer.subscribe(List.of(topic), listener);
    while (!isStopping && (count == 0 || left < count)) poll();
    if (mode.equals("batch") || mode.equals("transaction")) commit();
    long deadline = System.nanoTime() + 5_000_000_000L;
    while (unanswered > 0 && System.nanoTime() < deadline) consumer.poll(Duration.ofMillis(50));
    if (mode.equals("transaction")) producer.abortTransaction();
    consumer.close();
    producer.close();
    journal("closed");
    abandon(new ArrayList<>(given.keySet()));
  }

  void share() throws InterruptedException, ExecutionException {
    int count = Integer.parseInt(options.get("count"));
    var settings = consumerSettings();
    settings.put("share.acknowledgement.mode", "explicit");
    var released = new HashSet<Integer>();
    try (var member = new KafkaShareConsumer<byte[], byte[]>(settings)) {
      member.subscribe(List.of(topic));
      while (left < count) {
        for (var record : member.poll(Duration.ofMillis(200))) {
          int number = number(record);
          count("delivered", 1);
          if (released.contains(number)) count("redelivered", 1);
          if (number % 5 == 3 && released.add(number)) {
            count("requeued", 1);
            member.acknowledge(record, AcknowledgeType.RELEASE);
            continue;
          }
          left++;
          boolean isRefused = number % 5 >= 3;
          count(isRefused ? "rejected" : "acked", 1);
          member.acknowledge(record, isRefused ? AcknowledgeType.REJECT : AcknowledgeType.ACCEPT);
        }
        member.commitSync();
      }
    }
  }
}
