// Holding: what the engine asks of the kernel, and what it is told back.

extension Engine {
  /// Why nothing can be held here, for people; nil if it can.
  package var whyCannotHold: String? {
    get { ledger.whyCannotHold }
    set {
      guard newValue != ledger.whyCannotHold else { return }
      ledger.whyCannotHold = newValue
      // What is open by now can be held at last.
      ledger.isPlanDue = true
    }
  }

  /// The run is over: everything is released, said so, and nothing is held from here on. `isTargetGone`: it is over because
  /// the target has ended.
  package mutating func endHolding(isTargetGone: Bool) {
    if let holdSwitch {
      tell(planner.releaseAll(ledger, connections, holdSwitch, at: to), at: to)
      self.holdSwitch = nil
    }
    ledger.isOver = true
    ledger.isTargetGone = isTargetGone
  }

  /// What the kernel has counted on a held connection since it is held.
  package mutating func holdCounted(_ counters: HoldCounters, cookie: UInt64) {
    planner.counted(counters, cookie: cookie, ledger)
  }

  /// Connections that are held.
  package var heldCookies: [UInt64] { planner.cookies }

  /// Takes what a client tried to send and the kernel held: no fact yet, but see `ProtocolSession.peek`.
  package mutating func peek(_ segment: Segment, _ payload: RawSpan) {
    tick(at: segment.at)
    connections.find(segment)?.peek(segment, payload)
  }
}
