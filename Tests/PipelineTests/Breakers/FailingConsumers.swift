import Testing

@testable import Pipeline

/// How a consumer fails messages that it cannot process.
struct FailureShape: Sendable, CustomTestStringConvertible {
  /// Tries after the first, before the dead letter.
  var retries: Int
  /// How long a message waits in a queue before it is tried again; nil: it comes back at once.
  var wait_s: Double?
  var rate_per_s: Double

  var testDescription: String {
    "\(retries) retries \(wait_s.map { "after \($0) s each" } ?? "at once"), \(rate_per_s) messages a second"
  }

  /// From a message's arrival to its dead letter.
  var untilDead_s: Double { Double(retries) * (wait_s ?? 0) }
}

/// A group in simulated time, with the default settings: messages arrive evenly, and those that fail do so at every try.
protocol FailingConsumer: AnyObject {
  var shape: FailureShape { get }
  var now: Timestamp { get set }
  /// Messages so far.
  var messages: Int { get set }
  func tick()
  /// Delivers the message for the how-manieth time and settles it; answers whether it comes again.
  func attempt(_ message: Int, number: Int, fails: Bool) -> Bool
  var monitor: GroupMonitor? { get }
  var breaker: Breaker? { get }
}

extension FailingConsumer {
  /// Until that many seconds have passed or the breaker opens; answers after how many seconds it opened.
  func run(for_s: Double, fails: () -> Bool) -> Double? {
    let begin = now
    let end = begin + Int64(for_s * 1e9)
    let first = messages
    var nextTick = begin
    var arrival = begin
    // All wait equally long, so the first in is the first out.
    var waiting: [(at: Timestamp, message: Int, number: Int)] = []
    var head = 0
    while true {
      let isReturn = head < waiting.count && waiting[head].at <= arrival
      var (at, message, number) = isReturn ? waiting[head] : (arrival, messages, 1)
      guard at < end else { return nil }
      at = max(at, now)
      while nextTick <= at {
        now = max(now, nextTick)
        tick()
        nextTick = nextTick + .milliseconds(100)
      }
      now = at
      if isReturn {
        head += 1
      } else {
        messages += 1
        arrival = begin + Int64(Double(messages - first) / shape.rate_per_s * 1e9)
      }
      let isBad = isReturn || fails()
      while attempt(message, number: number, fails: isBad) {
        number += 1
        if let wait_s = shape.wait_s {
          waiting.append((now + Int64(wait_s * 1e9), message, number))
          break
        }
      }
      // Not the whole monitor, which is expensive to copy.
      if let breaker, breaker.revision > 0 { return Double(breaker.since - begin) / 1e9 }
    }
  }
}

/// RabbitMQ without any header that counts. At once: nack with requeue, at last a reject. Delayed: a reject into a queue
/// that waits and returns, at last a copy on the dead-letter queue and an ack.
final class FailingRabbitMQConsumer: FailingConsumer {
  let shape: FailureShape
  var messages = 0
  let bench = AMQPBench()
  private let link: AMQPLink
  var now: Timestamp {
    get { bench.now }
    set { bench.now = newValue }
  }

  init(_ shape: FailureShape) {
    self.shape = shape
    bench.step_ns = 50_000
    link = bench.connect()
    if let wait_s = shape.wait_s {
      link.declare("q", [("x-dead-letter-exchange", .text("")), ("x-dead-letter-routing-key", .text("q.wait"))])
      link.declare(
        "q.wait",
        [
          ("x-message-ttl", .int(Int64(wait_s * 1000))), ("x-dead-letter-exchange", .text("")),
          ("x-dead-letter-routing-key", .text("q")),
        ])
    }
    link.consume("q")
  }

  func tick() { bench.engine.tick(at: now) }

  func attempt(_ message: Int, number: Int, fails: Bool) -> Bool {
    let body = "message \(message)"
    let isAtOnce = shape.wait_s == nil
    let deaths: AMQPWire.Field = .array([death("q.wait", "expired", number - 1), death("q", "rejected", number - 1)])
    let properties = AMQPWire.Properties(
      id: isAtOnce ? nil : "m\(message)", headers: isAtOnce || number == 1 ? [] : [("x-death", deaths)])
    let tag = link.deliver(body, redelivered: isAtOnce && number > 1, properties)
    guard fails else {
      link.ack(tag)
      return false
    }
    let comesAgain = number <= shape.retries
    switch (isAtOnce, comesAgain) {
    case (true, true): link.nack(tag)
    case (true, false), (false, true): link.reject(tag, requeue: false)
    case (false, false):
      link.publish(body, key: "q.dlq", .init(id: "m\(message)"))
      link.ack(tag)
    }
    return comesAgain
  }

  var monitor: GroupMonitor? { bench.engine.ledger.groups.first?.monitor }
  var breaker: Breaker? { bench.engine.ledger.groups.first?.monitor.breaker }

  private func death(_ queue: String, _ reason: String, _ count: Int) -> AMQPWire.Field {
    .table([("queue", .text(queue)), ("reason", .text(reason)), ("count", .int(Int64(count)))])
  }
}

/// Kafka: the consumer seeks back to a record that failed, at last writes it to a dead-letter topic and commits.
final class FailingKafkaConsumer: FailingConsumer {
  let shape: FailureShape
  var messages = 0
  let bench = KafkaBench()
  private let consumer: KafkaConsumer
  var now: Timestamp {
    get { bench.now }
    set { bench.now = newValue }
  }

  init(_ shape: FailureShape) {
    self.shape = shape
    bench.step_ns = 50_000
    consumer = bench.consumer()
  }

  func tick() {
    bench.state.expire(at: now)
    bench.ledger.tick(at: now)
  }

  func attempt(_ message: Int, number: Int, fails: Bool) -> Bool {
    consumer.poll("orders-0@\(message)")
    if fails, number <= shape.retries { return true }
    if fails { consumer.fetcher.produce("orders.DLT", headers: KafkaCopies.spring("orders", 0, message)) }
    consumer.commit("orders-0@\(message + 1)")
    return false
  }

  var monitor: GroupMonitor? { bench.ledger.groups.first?.monitor }
  var breaker: Breaker? { bench.ledger.groups.first?.monitor.breaker }
}
