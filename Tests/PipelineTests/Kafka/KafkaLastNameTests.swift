import Testing

@testable import Pipeline

/// What is remembered from one message to the next, and when it no longer holds.
@Suite struct KafkaLastNameTests {
  private let frame = Array("orders-service, orders".utf8)
  private let service = Text(offset: 0, count: 14)
  private let orders = Text(offset: 16, count: 6)

  /// A span can't be within an expectation.
  private func find(
    _ last: KafkaLastName<Int>, _ name: Text, _ id: KafkaTopicID = .none, in bytes: [UInt8]? = nil,
    cluster: ClusterID = 0, version: UInt64 = 0
  ) -> Int? {
    let bytes = bytes ?? frame
    return last.find(name, id, in: bytes.span.bytes, cluster: cluster, version: version)
  }

  @Test func `a name is known by its bytes, wherever they lie`() {
    var last = KafkaLastName<Int>()
    #expect(find(last, orders) == nil)
    last.remember(7, orders, in: frame.span.bytes)
    #expect(find(last, orders) == 7)
    #expect(find(last, Text(offset: 0, count: 6)) == 7)
    #expect(find(last, service) == nil)
    #expect(find(last, .empty) == nil)
    last.remember(8, service, in: frame.span.bytes)
    #expect(find(last, service) == 8)
    #expect(find(last, orders) == nil)
  }

  @Test func `in its cluster, for its version of the table`() {
    var last = KafkaLastName<Int>()
    last.remember(7, orders, in: frame.span.bytes, cluster: 1, version: 2)
    #expect(find(last, orders, cluster: 1, version: 2) == 7)
    #expect(find(last, orders, cluster: 2, version: 2) == nil)
    #expect(find(last, orders, cluster: 1, version: 3) == nil)
  }

  @Test func `a topic without a name goes by its id`() {
    var last = KafkaLastName<Int>()
    last.remember(7, .empty, KafkaTopicID(1, 2), in: RawSpan())
    #expect(find(last, .empty, KafkaTopicID(1, 2)) == 7)
    #expect(find(last, .empty, KafkaTopicID(1, 3)) == nil)
    #expect(find(last, .empty) == nil)
  }

  @Test func `neither long names nor slices outside of their span`() {
    var last = KafkaLastName<Int>()
    let long = [UInt8](repeating: 0x61, count: 257)
    last.remember(7, Text(offset: 0, count: 257), in: long.span.bytes)
    #expect(find(last, Text(offset: 0, count: 257), in: long) == nil)
    last.remember(7, Text(offset: 250, count: 8), in: long.span.bytes)
    #expect(find(last, Text(offset: 250, count: 8), in: long) == nil)
    #expect(find(last, .empty, in: long) == nil)
  }

  @Test func `a topic's number follows its name and its id`() {
    var topics = KafkaTopics(key: KeyedHash.Key(1, 2), settings: Settings().destinations)
    let id = KafkaTopicID(1, 2)
    let span = frame.span.bytes
    _ = topics.number(of: KafkaTopic(name: orders, id: .none), in: span, cluster: 0)
    let byID = topics.number(of: KafkaTopic(name: .empty, id: id), in: span, cluster: 0)
    let before = topics.version
    _ = topics.number(of: KafkaTopic(name: orders, id: .none), in: span, cluster: 0)
    #expect(topics.version == before)
    let news = topics.learn(KafkaTopic(name: orders, id: id), in: span, cluster: 0)
    guard case .merged(let from, let to, _) = news else {
      Issue.record("the id's topic was not found to be the name's")
      return
    }
    #expect(topics.version != before)
    #expect(from == byID)
    #expect(topics.current(from) == to)
    #expect(topics.current(to) == to)
  }

  @Test func `a group's partition is where it is now`() {
    let group = KafkaGroup(name: "g", cluster: 0, salt: 0)
    let partition = KafkaPartition(group, 1)
    group.add(partition)
    #expect(group.partition(1) === partition)
    group.move(partition, to: 2)
    #expect(group.partition(1) == nil)
    #expect(group.partition(2) === partition)
    group.drop(partition)
    #expect(group.partition(2) == nil)
    group.add(partition)
    #expect(group.partition(2) === partition)
    group.dissolve()
    #expect(group.partition(2) == nil)
  }

  @Test func `kept bytes are those before the cut`() {
    var kept = KafkaKeptBytes()
    for _ in 0..<10 { kept.append(frame.span.bytes) }
    #expect(kept.count == 220)
    #expect(Array(kept.storage.prefix(kept.count)) == Array(repeatElement(frame, count: 10).joined()))
    kept.cut(to: 22)
    kept.cut(to: 100)
    #expect(kept.count == 22)
    kept.append(frame.span.bytes.extracting(first: 3))
    #expect(Array(kept.storage.prefix(kept.count)) == frame + Array("ord".utf8))
    kept.clear(keeping: 1_000)
    #expect(kept.count == 0 && !kept.storage.isEmpty)
    kept.clear(keeping: 10)
    #expect(kept.storage.isEmpty)
  }

  @Test(arguments: 0..<30) func `bytes are equal if each is`(count: Int) {
    let bytes = (0..<count).map { UInt8($0) }
    let isItself = bytes.span.bytes.equals(bytes.span.bytes)
    #expect(isItself)
    for i in 0..<count {
      var other = bytes
      other[i] ^= 0x80
      let isOther = bytes.span.bytes.equals(other.span.bytes)
      #expect(!isOther)
    }
  }
}
