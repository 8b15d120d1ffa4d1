/// A message that the target sends to a broker.
struct Publication {
  /// Index in the `ProducerTable`, which knows destination and kind.
  var producer: Int32 = 0
  var process: UInt64 = 0
  /// Keyed hash of the body's first bytes and its length; 0 if it was not needed.
  var body: UInt64 = 0
  /// Keyed hashes of everything in it that might be the id of the message it is a copy of.
  var ids: [UInt64] = []
}
