/// The partitions of one consumer that returned between two deliveries of records: what the rules about seeks look at.
struct KafkaRound {
  var began: Timestamp
  var returns: [KafkaPlace: Int64]
  /// The fetch offsets of the consumer's other partitions when the round was closed.
  var others: [KafkaPlace: Int64] = [:]
  /// Records have been delivered since: nothing more is added to it, but see `KafkaSeeks.returned`.
  var isHandedOver = false
  /// Partitions whose return was confirmed as a failed attempt. At most one, if the round is a single attempt.
  var confirmed: Set<KafkaPlace> = []
  /// Partitions that had deliveries in flight and did not return; nil: fewer than two had any, or the round is still open.
  var missing: Set<KafkaPlace>?
  /// It follows an aborted transaction (`AbortedTransaction`).
  var isAborted = false
  /// The latest dead letter since the previous round.
  var deadLetter: DeadLetter?
  /// `NextAfterDeadLetter`: it is no failed attempt.
  var isNoAttempt = false
  /// The record whose failure it was, known by its dead letter.
  var record: (place: KafkaPlace, offset: Int64)?

  /// `end`: the offset after the last that had been delivered of the partition by then.
  struct DeadLetter {
    var place: KafkaPlace
    var offset: Int64
    var end: Int64
  }

  init(began: Timestamp, _ place: KafkaPlace, _ offset: Int64, deadLetter: DeadLetter?) {
    self.began = began
    returns = [place: offset]
    self.deadLetter = deadLetter
  }

  /// The offset that the partition returned to, else its fetch offset; `.max`: not known.
  func offset(of place: KafkaPlace) -> Int64 { returns[place] ?? others[place] ?? .max }
}
