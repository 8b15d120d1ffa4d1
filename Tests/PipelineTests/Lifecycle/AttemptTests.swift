import Testing

@testable import Pipeline

/// Attempts, duplicates and delay.
@Suite struct AttemptTests {
  let bench = AMQPBench()
  let link: AMQPLink

  init() {
    link = bench.connect()
    link.consume("q")
  }

  private typealias Field = AMQPWire.Field

  private func death(_ queue: String, _ reason: String, _ count: Int64, _ more: [(String, Field)] = []) -> Field {
    .table([("queue", .text(queue)), ("reason", .text(reason)), ("count", .int(count))] + more)
  }

  private func attempts() throws -> Report.Attempts { try bench.group("rabbitmq:%2F:q").attempts }

  @Test func `x-delivery-count is how often it was delivered before`() throws {
    link.deliver("m", redelivered: true, .init(headers: [("x-delivery-count", .int(4))]))
    #expect(try attempts().max == 5)
    #expect(try attempts().source == "x-delivery-count")
    #expect(try bench.counts("q")["redelivered"] == 1)
  }

  @Test func `x-death counts where this queue rejected or gave up, not where it expired or was elsewhere`() throws {
    let deaths: Field = .array([
      death("wait", "expired", 3), death("q", "rejected", 3), death("q", "delivery_limit", 2), death("q", "expired", 7),
      death("other", "rejected", 9),
    ])
    link.deliver("m", .init(headers: [("x-death", deaths)]))
    #expect(try attempts().max == 6)
    #expect(try attempts().source == "x-death")
    // The wire proves that it is a repeat, though the broker's mark is not set.
    #expect(try bench.counts("q")["redelivered"] == 1)
  }

  @Test func `both counts add up`() throws {
    link.deliver(
      "m", .init(headers: [("x-delivery-count", .int(2)), ("x-death", .array([death("q", "rejected", 1)]))]))
    #expect(try attempts().max == 4)
    #expect(try attempts().source == "x-delivery-count+x-death")
  }

  @Test(arguments: [Int64.max, Int64.min, -1]) func `absurd counts are no trap`(count: Int64) throws {
    link.deliver(
      "m", redelivered: true,
      .init(headers: [
        ("x-delivery-count", .int(count)), ("x-acquired-count", .int(count)), ("timestamp_in_ms", .int(count)),
        ("x-death", .array([death("q", "rejected", count), death("w", "expired", count)])),
      ]))
    link.ack(1)
    #expect(try attempts().max >= 1)
  }

  @Test func `without headers the own table counts failures, by message id`() throws {
    for round in 0..<4 { link.nack(link.deliver("m", redelivered: round > 0, .init(id: "m1"))) }
    #expect(try attempts().max == 4)
    #expect(try attempts().source == "redelivered")
  }

  @Test func `without an id it counts by place, properties and body`() throws {
    for round in 0..<3 {
      link.nack(link.deliver("one", redelivered: round > 0))
      link.ack(link.deliver("two \(round)", redelivered: false))
    }
    #expect(try attempts().max == 3)
  }

  @Test func `a repeat whose first try was not seen is the second`() throws {
    link.deliver("m", redelivered: true)
    #expect(try attempts().max == 2)
  }

  @Test func `a repeat of what was only abandoned is a first try`() throws {
    link.deliver("m")
    link.fromServer(AMQPWire.close(0, code: 320))
    let again = bench.connect()
    again.consume("q")
    again.deliver("m", redelivered: true)
    #expect(try attempts().max == 1)
  }

  @Test func `many identical messages that failed once each are not one that failed often`() throws {
    let tags = (0..<50).map { _ in link.deliver("same") }
    link.nack(tags[49], multiple: true)
    for _ in 0..<50 { link.deliver("same", redelivered: true) }
    #expect(try attempts().max == 2)
  }

  @Test func `x-acquired-count is an upper bound, taken where nothing better is known`() throws {
    link.deliver("unseen", redelivered: true, .init(id: "a", headers: [("x-acquired-count", .int(6))]))
    #expect(try attempts().max == 7)
    #expect(try attempts().source == "x-acquired-count")
    let other = AMQPBench()
    let link = other.connect()
    link.consume("q")
    link.nack(link.deliver("seen", .init(id: "b")))
    link.nack(link.deliver("seen", redelivered: true, .init(id: "b", headers: [("x-acquired-count", .int(9))])))
    #expect(try other.group("rabbitmq:%2F:q").attempts.max == 2)
  }

  @Test func `a message delivered again after its ack is a duplicate`() throws {
    link.ack(link.deliver("m", .init(id: "m1")))
    link.ack(link.deliver("m", .init(id: "m1")))
    #expect(try bench.counts("q")["duplicates"] == nil)
    link.ack(link.deliver("m", redelivered: true, .init(id: "m2")))
    #expect(try bench.counts("q")["duplicates"] == nil)
    let again = bench.connect()
    again.consume("q")
    again.ack(again.deliver("m", redelivered: true, .init(id: "m2")))
    #expect(try bench.counts("q")["duplicates"] == 1)
  }

  @Test func `one more return at the delivery limit is counted as exhausted`() throws {
    link.declare("limited", [("x-queue-type", .text("quorum")), ("x-delivery-limit", .int(2))])
    link.consume("limited", tag: "l")
    for count in 0..<3 {
      link.nack(
        link.deliver(
          "m", to: "l", redelivered: count > 0, key: "limited",
          .init(headers: [("x-delivery-count", .int(Int64(count)))])))
    }
    #expect(try bench.counts("limited") == ["delivered": 3, "redelivered": 2, "requeued": 3, "exhausted": 1])
  }

  // MARK: Delay

  private func delay() throws -> Report.Quantiles { try bench.group("rabbitmq:%2F:q").consumption_delay_s }
  private func longest() throws -> Double { try #require(try delay().max) }
  private var now_s: UInt64 { UInt64(bench.now.ns / 1_000_000_000) }

  @Test func `timestamp_in_ms comes before timestamp`() throws {
    let ms = bench.now.ns / 1_000_000 - 90_000
    link.ack(link.deliver("m", .init(timestamp: now_s - 500, headers: [("timestamp_in_ms", .int(ms))])))
    #expect(abs(try longest() - 90) < 2)
    #expect(try delay().source == "timestamp_in_ms")
  }

  @Test func `timestamp is good to a second, and some clients send milliseconds`() throws {
    link.ack(link.deliver("m", .init(timestamp: now_s - 40)))
    link.ack(link.deliver("n", .init(timestamp: (now_s - 40) * 1000)))
    link.ack(link.deliver("o", .init(timestamp: now_s + 1)))
    #expect(abs(try longest() - 40) < 2)
    #expect(try delay().source == "timestamp")
    #expect(try bench.counts("q")["skewed"] == nil)
  }

  @Test func `a moment in the future or over thirty days ago is discarded and counted`() throws {
    for stamp in [now_s + 60, now_s - 31 * 86_400, 50_000_000_000, 9_000_000_000_000_000, .max] {
      link.ack(link.deliver("m\(stamp)", .init(timestamp: stamp)))
    }
    #expect(try bench.counts("q")["skewed"] == 5)
    #expect(try longest() < 1)
    #expect(try delay().source == "first_seen,lower_bound")
  }

  @Test func `without any moment the age counts from when it was first seen here`() throws {
    link.nack(link.deliver("m", .init(id: "m1")))
    bench.pass(30)
    link.ack(link.deliver("m", redelivered: true, .init(id: "m1")))
    #expect(abs(try longest() - 30) < 1)
    #expect((try bench.group("rabbitmq:%2F:q").retry_latency_s.max ?? 0) > 29)
  }

  @Test func `what waited on purpose is taken off, over several wait queues and rounds`() throws {
    link.declare("wait-30", [("x-message-ttl", .int(30_000)), ("x-dead-letter-exchange", .text(""))])
    let deaths: Field = .array([
      death("wait-30", "expired", 2), death("wait-5", "expired", 4, [("original-expiration", .text("5000"))]),
      death("q", "rejected", 6),
    ])
    link.ack(link.deliver("m", .init(timestamp: now_s - 100, headers: [("x-death", deaths)])))
    #expect(abs(try longest() - 20) < 2)
  }

  @Test func `a scheduled message's wait is on purpose, too`() throws {
    link.declare("schedule", [("x-message-ttl", .int(60_000)), ("x-dead-letter-exchange", .text(""))])
    link.ack(
      link.deliver(
        "m", .init(timestamp: now_s - 70, headers: [("x-death", .array([death("schedule", "expired", 1)]))])))
    #expect(abs(try longest() - 10) < 2)
    #expect(try attempts().max == 1)
  }

  @Test func `a wait of unknown length is told by its times`() throws {
    let deaths: Field = .array([
      death("wait", "expired", 3, [("time", .time(now_s - 50))]),
      death("q", "rejected", 3, [("time", .time(now_s - 70))]),
    ])
    link.ack(link.deliver("m", .init(timestamp: now_s - 100, headers: [("x-death", deaths)])))
    #expect(abs(try longest() - 40) < 2)
  }
}
