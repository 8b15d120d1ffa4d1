extension KafkaSession {
  /// Where the client reads a partition. An object, so that each request changes it in place.
  final class Position {
    var offset: Int64
    var partition: KafkaPartition?
    /// The partition's serial when it was attributed: another owner's answers are not this one's.
    var serial: UInt32
    /// The process's version when this was worked out; 0: never.
    var version: UInt64
    /// Several groups fit.
    var isAmbiguous = false
    /// The full request that listed it last.
    var fullRequest: UInt32
    /// When it was listed last, and whether it has yet to be answered.
    var askedAt = Timestamp.zero
    var isAwaited = false

    init(
      offset: Int64 = -1, partition: KafkaPartition? = nil, serial: UInt32 = 0, version: UInt64 = 0,
      fullRequest: UInt32 = 0
    ) {
      self.offset = offset
      self.partition = partition
      self.serial = serial
      self.version = version
      self.fullRequest = fullRequest
    }
  }
}
