/// A message that the target sends to a broker.
struct Publication {
  /// Index in the `ProducerTable`, which knows destination and kind.
  var producer: Int32 = 0
  var process: UInt64 = 0
  /// Hash of the queue's name where it is sent straight to a queue, as an answer is; else 0.
  var replyKey: UInt64 = 0
  /// What a copy can be known by. Empty where nothing is consumed that it could be a copy of.
  var marks = MessageMarks()
}
