import Testing

@testable import Pipeline

/// Deliveries outlive their consumers; indices in the consumer table are used again, also for other protocols and groups.
@Suite struct ReusedConsumerTests {
  let ledger = Ledger(settings: Settings(), target: "t")
  let queue: GroupID
  let topic: GroupID
  var now = Timestamp(ns: 1_800_000_000 * 1_000_000_000)

  init() {
    let broker = ledger.clusters.cluster(at: Endpoint(v4: 0x0a00_0001, port: 5672))
    queue = ledger.group(AMQPProtocol.self, key: "rabbitmq:%2F:q", name: "q", destination: "q", cluster: broker)
    topic = ledger.group(KafkaProtocol.self, key: "kafka:g", name: "g", destination: nil, cluster: broker)
  }

  private func deliver(_ message: UInt64, to group: GroupID, _ consumer: Int32, redelivered: Bool = false) -> DeliveryID
  {
    var arrival = Arrival(group: group.index, consumer: consumer, at: now, message: message)
    arrival.redelivered = redelivered
    return ledger.deliver(arrival, noAck: false, isStream: false)
  }

  private func partitionConsumer(_ number: Int32) -> Int32 {
    var consumer = Consumer(process: 1, noAck: false)
    consumer.partition = ledger.addPartition(number, of: "orders", to: topic)
    return ledger.addConsumer(consumer, of: topic)
  }

  @Test func `a queue's delivery that expired comes again after a partition has taken its consumer's place`() {
    let consumer = ledger.addConsumer(Consumer(process: 1, noAck: false), of: queue)
    ledger.expire(deliver(7, to: queue, consumer), at: now)
    ledger.remove(consumer: consumer)
    #expect(partitionConsumer(0) == consumer)
    let next = ledger.addConsumer(Consumer(process: 1, noAck: false), of: queue)
    _ = deliver(7, to: queue, next, redelivered: true)
    let totals = ledger.groups[Int(queue.index)].totals
    #expect(totals.requeued == 1 && totals.expired == 0)
    #expect(ledger.groups[Int(topic.index)].partitions[0].totals.settled == 0)
  }

  @Test func `what ended is revised for its own partition after another has taken its consumer's place`() {
    let first = partitionConsumer(0)
    let id = deliver(7, to: topic, first)
    let delivery = ledger.delivery(id)
    ledger.settle(id, as: .acked, at: now)
    ledger.remove(consumer: first)
    #expect(partitionConsumer(1) == first)
    let ack = SettledAck(delivery: delivery, at: now, inBatch: false)
    ledger.takeBack(ack, countedAs: .acked, by: "void_acks", at: now)
    let partitions = ledger.groups[Int(topic.index)].partitions
    #expect(partitions[0].totals.acked == 0 && partitions[0].totals.abandoned == 1)
    #expect(partitions[1].totals.settled == 0)
  }
}
