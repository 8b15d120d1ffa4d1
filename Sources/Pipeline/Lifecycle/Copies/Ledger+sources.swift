// Deliveries that copies may be made of, and copies that come back.

extension Ledger {
  /// Whether sessions are to say what deliveries look like: for the first deliveries of a target, and for a while after each
  /// publish. A consumer that publishes nothing pays nothing after that; the first copy that it publishes later is known by
  /// id and content as long as its source is among the latest deliveries.
  @inline(__always) var wantsMarks: Bool { markedDeliveriesLeft > 0 }

  /// The target consumes something, so that what it publishes may be a copy.
  var consumes: Bool { !groups.isEmpty }

  /// The target published something.
  func keepMarking() { markedDeliveriesLeft = max(markedDeliveriesLeft, Self.markedAfterPublish) }

  /// Says what the message that arrives next can be known by, in exchange for marks that are not used any more. Then
  /// `deliver` it.
  func describe(_ marks: inout MessageMarks) {
    swap(&described, &marks)
    isArrivalDescribed = true
  }

  /// What an arriving message is known to be: a copy that this target published.
  struct Returned {
    var passage: UInt32 = 0
    var attempt: Int32 = 0
  }

  /// A message arrives in a group. If it is a copy that the target published, it goes on under its first name.
  func arrived(_ arrival: Arrival, _ message: inout UInt64, at: Timestamp) -> Returned {
    isArrivalDescribed = false
    guard !passages.isEmpty else { return Returned() }
    // One that was delivered before has arrived before, unless that was not seen: only its name and attempt are known by it.
    var number = passages.find(described.whole, again: arrival.redelivered)
    if number == 0, arrival.redelivered { number = passages.find(described.whole, again: false) }
    guard number != 0 else { return Returned() }
    passages[number].hasArrived = true
    let passage = passages[number]
    guard !passage.isReturned else { return Returned() }
    // Delivered to another group, it may be published back to the first one.
    guard let home = present(passage.group), home.index == arrival.group else { return Returned(passage: number) }
    if !passage.isCounted {
      guard !arrival.redelivered, cameBack(passage, to: home, at: at) else { return Returned() }
      passages[number].isCounted = true
    }
    message = passage.message
    return Returned(passage: number, attempt: passage.attempt)
  }

  /// A copy that was passed on is back in the group that it was made in: its source had failed. Without an id it may be an
  /// equal message of another publisher's. Answers whether that was concluded.
  private func cameBack(_ passage: Passage, to home: GroupID, at: Timestamp) -> Bool {
    guard described.hasID, !producers[passage.producer].use.isConfiguredNormal,
      endByCopy(passage.source, as: .requeued, to: passage.producer, rule: "copy_came_back", at: at)
    else { return false }
    producers[passage.producer].cameBack += 1
    // One message in many is sent anew by an operator; a retry destination returns most of what it gets.
    if producers[passage.producer].cameBack * 2 >= producers[passage.producer].passedOn {
      learn(producer: passage.producer, returnsTo: groups[Int(home.index)].key, .cameBack)
    }
    return true
  }

  /// Keeps a delivery that has just begun.
  func keepSource(_ id: DeliveryID, _ delivery: Delivery, _ returned: Returned, of group: Group) {
    markedDeliveriesLeft -= 1
    if delivery.attempt > 1, !described.label.isEmpty {
      group.label(delivery.message, String(decoding: described.label, as: UTF8.self))
    }
    var source = Source()
    source.delivery = delivery
    source.id = id
    source.passage = returned.passage
    source.history = described.history
    deliveries[id].source = sources.insert(source, described.list)
  }

  /// Counts the end of a delivery that was published again as it was, or that only waited here. Answers whether it counts in
  /// no rate.
  func countAside(_ delivery: Delivery, _ settlement: Settlement, _ group: Group, _ partition: Int32) -> Bool {
    guard settlement == .acked else { return false }
    let isMoved = delivery.flags.contains(.moved)
    group.count(partition) { if isMoved { $0.moved += 1 } else { $0.returned += 1 } }
    return isMoved
  }

  /// A delivery that is kept has ended.
  func sourceEnded(_ delivery: Delivery, as settlement: Settlement, causeUnknown: Bool, inBatch: Bool, at: Timestamp) {
    let number = delivery.source
    guard sources.isKept(number), sources[number].state == .inFlight else { return }
    sources[number].delivery = delivery
    sources[number].state = .settled
    sources[number].settlement = settlement
    sources[number].settledAt = at
    sources[number].inBatch = inBatch
    sources[number].causeUnknown = causeUnknown
    guard settlement == .acked else { return }
    let group = groups[Int(delivery.group)]
    sources[number].ackedBefore = group.latestAcked
    group.latestAcked = number
  }

  func learn(producer: Int32, returnsTo key: String, _ why: ProducerTable.Why) {
    guard !producers[producer].isShared, !producers[producer].use.isConfiguredNormal,
      !producers[producer].learned.contains(key), producers[producer].learned.count < Self.learnedBound
    else { return }
    producers[producer].learned.append(key)
    producers[producer].whyLearned = why
  }

  /// Deliveries of a target that are marked before it has published anything.
  static var markedAtFirst: Int { 4096 }
  private static var markedAfterPublish: Int { 65_536 }
  private static var learnedBound: Int { 64 }
}
