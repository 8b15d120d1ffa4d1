/// One member of a group: its partitions, and since when nothing was seen of it.
final class KafkaMember {
  let group: KafkaGroup
  let id: UInt64
  /// Hash that stands for its process.
  var process: UInt64
  /// Hash of its client id.
  var client: UInt64
  /// `group.instance.id`: it may stop without leaving, and come back as the same.
  var isStatic = false
  /// It assigns its partitions to itself (`assign()`), and has no session.
  var isStandalone = false
  var sessionTimeout_ns: Int64 = .seconds(45)
  /// How long it may take to join anew: clients give their `max.poll.interval.ms`; 0: not seen.
  var rebalanceTimeout_ns: Int64 = 0
  /// When the coordinator last heard of it: it joined, or sent a heartbeat; zero: that was not seen.
  var heardAt = Timestamp.zero
  var assigned = KafkaAssigned()
  /// Open connections that it was seen on.
  var connections = 0
  /// When its last connection was ended without its leaving, and whether by its own side.
  var goneAt: Timestamp?
  var wentByItself = false
  var seeks: KafkaSeeks
  /// Topics of a Streams member's subtopologies, by hash of the subtopology's id.
  var subtopologies: [UInt64: [Int32]] = [:]

  init(_ group: KafkaGroup, id: UInt64, process: UInt64, client: UInt64, rules: KafkaInferences) {
    seeks = KafkaSeeks(rules)
    self.group = group
    self.id = id
    self.process = process
    self.client = client
  }
}
