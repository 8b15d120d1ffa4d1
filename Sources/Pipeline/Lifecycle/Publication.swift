/// A message that the target sends to a broker.
struct Publication {
  /// Index in the `ProducerTable`, which knows destination and kind.
  var producer: Int32 = 0
  var process: UInt64 = 0
  /// Keyed hash of the queue that it is sent to by name; 0: it goes through an exchange.
  var address: UInt64 = 0
  /// What a copy can be known by. Empty where nothing is consumed that it could be a copy of.
  var marks = MessageMarks()
}
