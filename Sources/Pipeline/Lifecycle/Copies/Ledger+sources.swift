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

  /// What an arriving message is known to be: a copy that this target published.
  struct Returned {
    var passage: UInt32 = 0
    var attempt: Int32 = 0
  }

  /// A message arrives in a group. If it is a copy that the target published, it goes on under its first name.
  func arrived(_ arrival: inout Arrival, _ marks: borrowing MessageMarks, at: Timestamp) -> Returned {
    guard !passages.isEmpty, !arrival.redelivered else { return Returned() }
    let number = passages.find(marks.whole)
    guard number != 0 else { return Returned() }
    passages[number].hasArrived = true
    let passage = passages[number]
    guard !passage.isReturned else { return Returned() }
    if !passage.isCounted {
      guard passage.group == arrival.group, groups[Int(passage.group)].serial == passage.groupSerial else {
        // In another group's hands: it may be handed back.
        return Returned(passage: number)
      }
      guard endByCopy(passage.source, as: .requeued, to: passage.producer, rule: "copy_came_back", at: at) else {
        return Returned()
      }
      passages[number].isCounted = true
      learn(producer: passage.producer, returnsTo: groups[Int(passage.group)].key, .cameBack)
    }
    guard passage.group == arrival.group, groups[Int(passage.group)].serial == passage.groupSerial else {
      return Returned(passage: number)
    }
    arrival.message = passage.message
    return Returned(passage: number, attempt: passage.attempt)
  }

  /// Keeps a delivery that has just begun. Answers with its number.
  func keepSource(
    _ id: DeliveryID, _ delivery: Delivery, _ marks: borrowing MessageMarks, passage: UInt32, groupSerial: UInt32
  ) -> UInt32 {
    markedDeliveriesLeft -= 1
    var source = Source()
    source.delivery = delivery
    source.id = id
    source.groupSerial = groupSerial
    source.passage = passage
    source.history = marks.history
    return sources.insert(source, marks.list)
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
  }

  func learn(producer: Int32, returnsTo key: String, _ why: ProducerTable.Why) {
    guard !producers[producer].learned.contains(key), producers[producer].learned.count < Self.learnedBound else {
      return
    }
    producers[producer].learned.append(key)
    producers[producer].whyLearned = why
  }

  /// Deliveries of a target that are marked before it has published anything.
  static var markedAtFirst: Int { 4096 }
  private static var markedAfterPublish: Int { 65_536 }
  private static var learnedBound: Int { 64 }
}
