import Testing

@testable import Pipeline

/// Consumers that fail everything fast: their delay does not grow, so `dead-letter-storm` cannot see them, and with
/// retries most of their settlements are requeues. And consumers that fail a little, all the time.
@Suite struct FastOutageTests {
  static let atOnce = [0, 1, 5, 10].flatMap { retries in
    [5.0, 50].map { FailureShape(retries: retries, wait_s: nil, rate_per_s: $0) }
  }
  static let delayed = [1, 5, 10].flatMap { retries in
    [5.0, 50].map { FailureShape(retries: retries, wait_s: 4, rate_per_s: $0) }
  }
  /// Up to 100 s in the waiting queue, on purpose: no delay that counts.
  static let longDelayed = delayed.map { FailureShape(retries: $0.retries, wait_s: 10, rate_per_s: $0.rate_per_s) }

  /// After t seconds of outage the window holds 60 − t seconds of acks and t − D of dead letters, where D passes from a
  /// message's arrival to its dead letter. More than 20 % are dead letters from 0.8 D + 12 s on. (And 60 − D
  /// seconds must bring the 50 ends that the rule needs: at 5 messages a second D may be 50 s at most.)
  private func expectFlood(_ consumer: some FailingConsumer, _ shape: FailureShape) {
    #expect(consumer.run(for_s: 90) { false } == nil)
    #expect(consumer.monitor?.judgement.kind == .healthy)
    let opened_s = consumer.run(for_s: 60) { true }
    let byHand_s = 0.8 * shape.untilDead_s + 12
    #expect(opened_s.map { abs($0 - byHand_s) < 1 } ?? false, "opened after \(opened_s ?? -1) s, not \(byHand_s) s")
    #expect(consumer.monitor?.lastTransition?.verdict?.rule == .deadLetterFlood)
  }

  @Test(arguments: atOnce + delayed) func `RabbitMQ: an outage opens within a minute`(shape: FailureShape) {
    expectFlood(FailingRabbitMQConsumer(shape), shape)
  }

  @Test(arguments: atOnce) func `Kafka: an outage opens within a minute`(shape: FailureShape) {
    expectFlood(FailingKafkaConsumer(shape), shape)
  }

  /// The page must not be green meanwhile.
  @Test(arguments: atOnce) func `before it opens the verdict is failing`(shape: FailureShape) {
    let consumer = FailingRabbitMQConsumer(shape)
    #expect(consumer.run(for_s: 90) { false } == nil)
    #expect(consumer.run(for_s: 8) { true } == nil)
    #expect(consumer.monitor?.judgement.kind == .failing)
  }

  /// From 50 ends in a minute on: 0.83 messages a second. Below that it is `failing`, and no more.
  @Test(arguments: [(0.9, true), (0.8, false)]) func `a slow queue's outage needs 50 ends within the window`(
    rate_per_s: Double, opens: Bool
  ) {
    let consumer = FailingRabbitMQConsumer(FailureShape(retries: 5, wait_s: nil, rate_per_s: rate_per_s))
    #expect((consumer.run(for_s: 300) { true } != nil) == opens)
    if !opens { #expect(consumer.monitor?.judgement.kind == .failing) }
  }

  /// Two of a hundred messages fail at every try, for twenty minutes.
  private func expectQuiet(_ consumer: some FailingConsumer, _ shape: FailureShape) {
    var random = SplitMix64(seed: UInt64(shape.retries) << 8 | UInt64(shape.rate_per_s))
    var failed = 0
    let opened_s = consumer.run(for_s: 1200) {
      let fails = random.next() % 100 < 2
      if fails { failed += 1 }
      return fails
    }
    #expect(opened_s == nil)
    #expect(failed > 60)
    #expect(consumer.monitor?.episodes.list.isEmpty == true)
  }

  /// At 50 a second the most retries alone: it takes ten times as long.
  private static func quiet(_ shapes: [FailureShape]) -> [FailureShape] {
    shapes.filter { $0.rate_per_s == 5 || $0.retries == 10 }
  }

  @Test(arguments: quiet(atOnce + longDelayed))
  func `RabbitMQ: twenty minutes of 2 percent failures never open it`(shape: FailureShape) {
    expectQuiet(FailingRabbitMQConsumer(shape), shape)
  }

  @Test(arguments: atOnce.filter { $0.rate_per_s == 5 })
  func `Kafka: twenty minutes of 2 percent failures never open it`(shape: FailureShape) {
    expectQuiet(FailingKafkaConsumer(shape), shape)
  }
}
