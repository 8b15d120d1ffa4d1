/// The path from segments to verdicts, for one target: segment → bytes → facts → deliveries → windows → verdict → breaker.
///
/// In: segments in the order of the capture, losses that the capture knows of, and time (`tick`). Out: `Effect`s, to be
/// taken after each batch, and a `Report` on demand. No clock, no I/O, no threads: live and replay differ only in what is
/// plugged in at the two ends. Owned by one thread.
///
/// Memory: bounded by `LimitSettings` (connections, groups, messages, deliveries in flight); what a bound drops is counted
/// and shown. Cost: a segment of a connection that was ruled out costs one table look-up. On loss: see `Reassembler` and
/// the protocols' decoders; whatever is missing lowers the coverage of the groups it concerns.
package struct Engine: ~Copyable {
  let origin: Origin
  let ledger: Ledger
  let protocols: TargetProtocols
  private(set) var capture = CaptureCounters()
  private(set) var connections: ConnectionTable
  var planner = HoldPlanner()
  /// Live, what can hold connections; nil where nothing can.
  package var holdSwitch: (any HoldSwitch)?
  var nextTick: Timestamp?
  private(set) var from: Timestamp?
  private(set) var to = Timestamp.zero
  private var effects: [Effect] = []

  /// What the segments come from: nothing can be held in a replay.
  package enum Origin: Sendable { case live, replay }

  /// `target` names what stormfuse was pointed at, for people. `hashKey` should be random where traffic is not trusted;
  /// with the same key a replay gives the same report to the last byte.
  package init(
    settings: Settings, target: String, origin: Origin, hashKey: (UInt64, UInt64) = (0x7374_6f72, 0x6d66_7573)
  ) {
    self.init(
      settings: settings, target: target, origin: origin, hashKey: hashKey, protocols: BrokerProtocols.all)
  }

  init(
    settings: Settings, target: String, origin: Origin, hashKey: (UInt64, UInt64),
    protocols: [any BrokerProtocol.Type]
  ) {
    self.origin = origin
    ledger = Ledger(settings: settings, target: target, hashKey: KeyedHash.Key(hashKey.0, hashKey.1))
    self.protocols = TargetProtocols(protocols, key: KeyedHash.Key(hashKey.0, hashKey.1), ledger: ledger)
    connections = ConnectionTable(bound: settings.limits.connections, protocols: self.protocols)
  }

  /// Takes one segment; `payload` holds the first of its `length` bytes.
  package mutating func ingest(_ segment: Segment, _ payload: RawSpan) {
    guard segment.at == Self.sane(segment.at) else {
      var sane = segment
      sane.at = Self.sane(segment.at)
      return ingest(sane, payload)
    }
    advance(to: segment.at)
    capture.segments &+= 1
    capture.bytes &+= UInt64(max(0, segment.length))
    let connection = connections.connection(of: segment)
    ledger.journal?.look(at: connection, to)
    connection.ingest(segment, payload)
    if connection.hasNews {
      connections.note(connection, into: &effects)
      if let translation = connection.translation, connection.isDecoded {
        ledger.clusters.note(dialled: translation.dialled, for: translation.server)
      }
      // Its protocol is known by now, perhaps, and its broker may be blocked.
      if planner.isActive { ledger.isPlanDue = true }
    }
    ledger.followClusters()
  }

  /// Takes a loss that the capture knows of.
  package mutating func lost(_ loss: CaptureLoss) {
    var loss = loss
    loss.at = Self.sane(loss.at)
    advance(to: loss.at)
    capture.count(loss)
    connections.lost(loss)
  }

  /// What bounds of the capture itself have dropped so far, by what it was: part of the report's `capture.dropped`.
  package var droppedByCapture: [String: UInt64] {
    get { capture.dropped }
    set { capture.dropped = newValue }
  }

  /// Packets of capture files that gave no segment so far, by reason: the report's `capture.not_read`.
  package var packetsNotRead: [String: UInt64] {
    get { capture.notRead }
    set { capture.notRead = newValue }
  }

  /// How far the wall clock is ahead of the engine's time. Live, that time begins where the wall clock stands and then runs
  /// evenly: whoever sets the clock moves no timer. Times of the wall clock on the wire (when a message was enqueued) are
  /// taken back by this much, moments that are told or remembered are told with it. 0 in a replay.
  ///
  /// So after a step ages in flight go on as if nothing had happened, and the delay of what is enqueued from then on is
  /// right. What was stamped by the stepped clock before the step and comes after it is off by the step: discarded as
  /// skewed where that makes it negative.
  package var wallAhead_ns: Int64 {
    get { ledger.wallAhead_ns }
    set { ledger.wallAhead_ns = newValue }
  }

  /// Moves time on where no segment does. Every `rules.evaluation_ns` of it all groups are judged.
  package mutating func tick(at: Timestamp) { advance(to: Self.sane(at)) }

  private mutating func advance(to at: Timestamp) {
    if from == nil { from = at }
    // A capture file's clock may jump back: time does not. Live it can't.
    if at > to { to = at }
    if let due = nextTick {
      if due <= to { evaluate(from: due) }
    } else {
      nextTick = to + evaluation_ns
      _ = ledger.advance(to: to)
    }
  }

  /// Every evaluation that is due. Those that can change nothing, because nobody waits and no window or age crosses a
  /// threshold, are passed over: days of silence cost as little as what happens in them.
  private mutating func evaluate(from first: Timestamp) {
    var due = first
    while due <= to {
      connections.expire(at: due)
      protocols.expire(at: due)
      let quietUntil = ledger.tick(at: due)
      // What is held has limits in time of its own.
      if planner.isActive { ledger.isPlanDue = true }
      if ledger.hasTransitions || ledger.hasAlerts { collectTransitions(at: due) }
      let quiet_ns = connections.isWaiting || protocols.isWaiting ? 0 : min(quietUntil, to) - due
      due = due + max(1, (quiet_ns + evaluation_ns - 1) / evaluation_ns) * evaluation_ns
    }
    nextTick = due
    _ = ledger.advance(to: due + -evaluation_ns)
  }

  var evaluation_ns: Int64 { min(max(.milliseconds(1), ledger.settings.rules.evaluation_ns), .seconds(3600)) }

  /// Time stamps before 1970 or after 2116 are taken as those: a capture file may say anything.
  private static func sane(_ at: Timestamp) -> Timestamp { max(.zero, min(at, .distantFuture)) }

  /// Decides anew what is held, then tells of transitions: what they say of holding is so by then.
  mutating func collectTransitions(at: Timestamp? = nil) {
    // Or the next evaluation would tell of timers that were due before this moment.
    if at == nil, origin == .live, ledger.hasTransitions || ledger.isPlanDue { ledger.runTimers(by: to) }
    let transitions = ledger.takeTransitions()
    let events = origin == .live ? plan(at: at ?? to, isDue: !transitions.isEmpty) : []
    for (group, transition) in transitions {
      let settings = group.monitor.settings
      effects.append(
        .transition(
          transition, reportBuilder(ConnectionCounters(), at: at ?? to).groupReport(group), owner: settings.owner,
          runbook: settings.runbook))
    }
    for (group, alert) in ledger.takeAlerts() {
      let settings = group.monitor.settings
      effects.append(
        .alert(
          alert, reportBuilder(ConnectionCounters(), at: at ?? to).groupReport(group), owner: settings.owner,
          runbook: settings.runbook))
    }
    tell(events, at: at ?? to)
  }

  mutating func tell(_ events: [HoldTelling.Told], at: Timestamp) {
    for (group, event) in events {
      var event = event
      event.at = ledger.wall(event.at)
      let settings = group.monitor.settings
      effects.append(
        .holding(
          event, reportBuilder(ConnectionCounters(), at: at).groupReport(group), owner: settings.owner,
          runbook: settings.runbook))
    }
  }

  private mutating func plan(at: Timestamp, isDue: Bool) -> [HoldTelling.Told] {
    guard isDue || ledger.isPlanDue else { return [] }
    ledger.isPlanDue = false
    var told: [HoldTelling.Told] = []
    if let holdSwitch, ledger.whyCannotHold == nil || planner.isActive {
      told = planner.plan(ledger, connections, holdSwitch, at: at)
    }
    return told
  }

  /// The capture is over: what is still held back is handed on, and everything is judged once more.
  package mutating func finish() {
    connections.finish(at: to)
    protocols.finish(at: to)
    ledger.tick(at: to)
    collectTransitions()
  }

  /// What is to be done outside, in order; empties the list. To be called after each batch of segments and each tick.
  package mutating func takeEffects() -> [Effect] {
    collectTransitions()
    defer { effects.removeAll(keepingCapacity: true) }
    return effects
  }

  /// Carries out an operator's command on the group of that key; nil if there is no such group.
  package mutating func apply(
    _ command: BreakerCommand, note: OperatorNote?, key: String, cluster: String?, ifRevision: UInt64? = nil
  ) -> CommandResult? {
    // The ledger's own time is that of the last fact.
    _ = ledger.advance(to: to)
    guard
      let result = ledger.apply(command, note: note, key: key, cluster: cluster, ifRevision: ifRevision)
    else { return nil }
    collectTransitions()
    return result
  }

  /// One group as the report has it; nil if there is none of that name.
  package func group(key: String, cluster: String) -> Report.Group? {
    guard let group = ledger.find(key: key, cluster: cluster) else { return nil }
    return reportBuilder(ConnectionCounters(), at: to).groupReport(group)
  }

  /// Everything seen so far, as of the latest moment.
  package func report() -> Report { reportBuilder(connections.total(), at: to).report() }

  private func reportBuilder(_ connections: ConnectionCounters, at: Timestamp) -> ReportBuilder {
    ReportBuilder(
      ledger: ledger, capture: capture, connections: connections, origin: origin, from: from ?? .zero, to: at)
  }
}

/// What the pipeline wants done outside.
package enum Effect: Sendable {
  /// The capture is to hand on this much of that connection.
  case interest(cookie: UInt64, Interest)
  /// A breaker changed its state: the group as it is just after, and who answers for it.
  case transition(Transition, Report.Group, owner: String?, runbook: String?)
  /// An alert of a group began or ended: the group as it is just after, with the configured owner.
  case alert(Alert, Report.Group, owner: String?, runbook: String?)
  /// Something about holding a group: the group as it is just after, and who answers for it.
  case holding(HoldEvent, Report.Group, owner: String?, runbook: String?)
}

/// Bytes and segments before they were told apart by connection.
struct CaptureCounters {
  var segments: UInt64 = 0
  var bytes: UInt64 = 0
  /// Losses that could not be tied to one connection.
  var unattributedLosses: [CaptureLoss.Cause: UInt64] = [:]
  /// By what it was.
  var dropped: [String: UInt64] = [:]
  var notRead: [String: UInt64] = [:]

  mutating func count(_ loss: CaptureLoss) {
    if loss.cookie == 0 { unattributedLosses[loss.cause, default: 0] &+= loss.bytes }
  }
}
