// What sessions may ask of the ledger, and tell it beside `deliver`, `settle` and copies. They do not touch its tables:
// only Lifecycle does, so that its equation holds whatever a protocol says.

extension Ledger {
  /// How a delivery stands that has not ended for good.
  enum Standing {
    /// In flight.
    case open
    /// In flight, on a stream: an acknowledgement is only credit, and it can't fail.
    case credit
    /// A copy has settled it; its acknowledgement may still come.
    case paired
  }

  // MARK: Deliveries

  /// Nil: it ended, a bound took it away, or it never was.
  @inline(__always) func standing(of id: DeliveryID) -> Standing? {
    guard deliveries.isLive(id) else { return nil }
    let flags = deliveries[id].flags
    return flags.contains(.paired) ? .paired : flags.contains(.credit) ? .credit : .open
  }

  @inline(__always) func isLive(_ id: DeliveryID) -> Bool { deliveries.isLive(id) }

  /// The protocol's own number for where the delivery was consumed. It must be live.
  func place(of id: DeliveryID) -> Int32 { consumers[deliveries[id].consumer].place }

  /// Its channel, connection or membership is gone, and the delivery with it. `crashed`: nothing ended it in good order;
  /// then the first of each consumer's that is given here was being worked on, and `blamed` remembers that consumer; the
  /// others had only been prefetched.
  func lose(_ id: DeliveryID, crashed: Bool, blamed: inout Set<Int32>, at: Timestamp) {
    guard let standing = standing(of: id) else { return }
    let consumer = deliveries[id].consumer
    switch standing {
    case .paired: dropPaired(id)
    case .open where crashed && !consumers[consumer].isCancelled && blamed.insert(consumer).inserted:
      settle(id, as: .crashed, at: at)
    default: settle(id, as: .abandoned, at: at)
    }
  }

  // MARK: Consumers

  func consumer(_ index: Int32) -> Consumer { consumers[index] }

  /// It gets nothing more: cancelled or closed in good order.
  func cancel(consumer index: Int32) {
    consumers[index].isCancelled = true
    enter(index, nil)
  }

  /// Nothing of it is in flight or awaits an acknowledgement any more.
  func remove(consumer index: Int32) {
    enter(index, nil)
    consumers.remove(index)
  }

  // MARK: Groups

  /// Where the broker sends what the group rejects.
  func setDeadLetterTarget(_ target: String?, of id: GroupID) {
    if isCurrent(id) { groups[Int(id.index)].deadLetterTarget = target }
  }

  /// What people call a message of that group that fails or comes again.
  func label(_ message: UInt64, of id: GroupID, _ text: @autoclosure () -> String) {
    if isCurrent(id) { groups[Int(id.index)].label(message, text()) }
  }

  // MARK: Producers

  /// The entry filed under `hash` (of system, process and destination); nil if there is none, or what it is for has to
  /// be worked out from a later version of what is known of the broker.
  func producer(filedUnder hash: UInt64, version: UInt64) -> Int32? { producers.find(hash, version: version) }

  /// Files a destination that the target publishes to, or what it is for by now.
  func file(_ producer: ProducerTable.Entry, under hash: UInt64) -> Int32 { producers.file(hash, producer) }

  /// A message that goes there may be a copy of one that was received.
  func mayHoldCopies(_ producer: Int32) -> Bool { producers[producer].mayHoldCopies }

  // MARK: What was left out

  /// Deliveries of which the group can't be told.
  func countUnattributed(_ system: MessagingSystem, _ destination: String, _ count: UInt64 = 1) {
    unattributed.add(count, system, destination)
  }

  /// A bound has dropped something of that kind.
  func drop(_ kind: WritableKeyPath<Dropped, UInt64>) { dropped[keyPath: kind] += 1 }
}
