/// Positions of one consumer that went back between two hand-overs of records: what the rules about seeks look at.
struct KafkaRound {
  var began: Timestamp
  var returns: [KafkaPlace: Int64]
  /// Where the consumer's other partitions were read when it ended.
  var others: [KafkaPlace: Int64] = [:]
  var isHandedOver = false
  /// Places whose return was confirmed; of a round that is one attempt at most one.
  var confirmed: Set<KafkaPlace> = []
  /// Partitions that had deliveries in flight and did not return; nil: only one was in flight.
  var missing: Set<KafkaPlace>?
  /// A transaction had been aborted.
  var isAborted = false
  /// The dead letter that was published last, since the round before.
  var deadLetter: DeadLetter?
  /// `NextAfterDeadLetter`: it is no attempt.
  var isNoAttempt = false
  /// The record whose failure it was, as its dead letter told.
  var record: (place: KafkaPlace, offset: Int64)?

  /// `end`: behind what had been handed over of the partition by then.
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

  /// The partition's offset: where it returned to, or else was read; `.max`: not known.
  func offset(of place: KafkaPlace) -> Int64 { returns[place] ?? others[place] ?? .max }
}
