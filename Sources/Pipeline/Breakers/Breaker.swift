/// The circuit breaker of one group, as a value: verdicts, outcomes, time and commands go in, transitions come out.
///
/// ```
/// closed ── rule, trip ──→ open ── open time ──→ half_open ── acks in a row, or 30 s without a failure ──→ closed
///                           ↑──────── a failure ────────┘
/// ```
/// If acks were revoked before because a copy followed (`revoked`), the acks in a row close it only after that much time.
///
/// An operator's trip stays open for at least `tripOpen_ns`, or for the time given with the command. (The first open time of
/// a rule is a tenth of a second: too short to stop traffic by hand.)
///
/// It holds nothing itself: whether an open breaker holds traffic (`enforce`) or only says that it would (`observe`) is
/// its owner's affair, and changes nothing here. Every transition goes through `move`. After a transition with
/// `restartsWindow` the owner starts the group's windows anew, or the old storm would open it again.
///
/// Each transition begins a new generation (`revision`). A fact from before the generation began says nothing about it:
/// it is dropped and counted. Half-open listens to outcomes of deliveries *received* after it began, and to outcomes
/// only: while traffic is held, delay grows by itself.
///
/// Since leaving closed at most `maxEpisode_ns` pass. When they are over, traffic is let go with cause `max_episode`,
/// which calls for an alarm, and the breaker is disarmed: no rule trips it until a verdict is healthy, or `failing` for two
/// minutes, or an operator says so. But half-open without any delivery holds nothing and has nothing to let go: it stays, and if the first delivery
/// comes after the time, the time starts anew with it.
///
/// Memory: fixed, about 200 bytes. Cost: a comparison per outcome unless half-open.
package struct Breaker: Sendable {
  package private(set) var settings: BreakerSettings
  package private(set) var state: BreakerState = .closed
  /// Counts the transitions; 0 before the first.
  package private(set) var revision: UInt64 = 0
  /// When the state began.
  package private(set) var since: Timestamp
  /// Whether a rule may trip it.
  package private(set) var isArmed = true
  /// Since when verdicts have been `failing` without a break.
  private var failingSince: Timestamp?
  /// Facts of an earlier generation that were dropped.
  package private(set) var dropped: UInt64 = 0

  /// The exponent of the next open time.
  package private(set) var openings = 0
  /// When it was last let go: closed or forced closed.
  package private(set) var closedSince: Timestamp
  /// End of the open time, or of an override.
  private var until = Timestamp.distantFuture
  private var episodeEnd = Timestamp.distantFuture
  private var acksInARow = 0
  /// Time within which an ack may still be revoked: a consumer that acknowledges before the work is done publishes the copy
  /// of a failed message later. The acks that close half-open must be older than this.
  package private(set) var ackDoubt_ns: Int64 = 0
  private var revokedAfter_ns: Int64 = 0
  /// When as many acks as half-open needs will be that old.
  private var acksStandAt = Timestamp.distantFuture
  /// Deliveries received since half-open began.
  private var probesReceived = 0
  /// When half-open's first delivery came.
  private var firstProbe: Timestamp?
  private var random: SplitMix64

  /// `seed` tells the breakers of one run apart (a hash of the key); the settings' seed tells runs apart.
  package init(settings: BreakerSettings, seed: UInt64, at now: Timestamp) {
    self.settings = settings
    since = now
    closedSince = now
    random = SplitMix64(seed: mixed(settings.seed) ^ seed)
  }

  /// As it was before a restart. A deadline that has passed meanwhile ends the state at the next tick, and none is longer
  /// than settings or its own remaining time allow. A state that its settings have no deadline for gets one.
  package init(settings: BreakerSettings, seed: UInt64, memory: BreakerMemory, at now: Timestamp) {
    self.init(settings: settings, seed: seed, at: now)
    state = memory.state
    revision = memory.revision
    // A moment that lies ahead is of a clock that was set back since: facts from now on count.
    since = min(Timestamp(ns: memory.since_ns), now)
    closedSince = min(Timestamp(ns: memory.closed_since_ns), now)
    openings = max(0, min(memory.openings, 64))
    isArmed = memory.is_armed
    let longest_ns =
      switch state {
      case .open where memory.isTripped: settings.maxEpisode_ns
      case .open: Int64(Double(settings.openMaximum_ns) * (1 + settings.jitter))
      case .forcedOpen: max(settings.forcedOpen_ns, Self.longestOverride_ns)
      default: Int64.max / 2
      }
    if let until = memory.until {
      self.until = until.clamped(at: now, longest_ns: longest_ns)
    } else if state == .open || state == .forcedOpen {
      self.until = now
    }
    if let end = memory.episode_end {
      episodeEnd = end.clamped(at: now, longest_ns: settings.maxEpisode_ns)
    } else if state == .open || state == .halfOpen {
      episodeEnd = now + settings.maxEpisode_ns
    }
  }

  /// Goes on under other settings. A deadline that is set stands.
  package mutating func replace(settings: BreakerSettings) { self.settings = settings }

  /// What outlives the process, in moments of a wall clock that is ahead of `now` by that much.
  package func deadlines(at now: Timestamp, wallAhead_ns: Int64 = 0) -> (
    until: BreakerMemory.Deadline?, episodeEnd: BreakerMemory.Deadline?
  ) {
    func deadline(_ at: Timestamp) -> BreakerMemory.Deadline? {
      at == .distantFuture ? nil : .init(at_ns: (at + wallAhead_ns).ns, remaining_ns: max(0, at - now))
    }
    return (deadline(until), deadline(episodeEnd))
  }

  /// Longest limit that an override may have.
  package static let longestOverride_ns: Int64 = .seconds(86_400)

  /// When the state ends by itself; nil if only what happens ends it.
  package var endsAt: Timestamp? { nextDeadline == .distantFuture ? nil : nextDeadline }

  /// What it becomes then; nil if only what happens ends the state.
  package var next: BreakerState? {
    switch state {
    case .closed: nil
    case .open: episodeEnd <= until ? .closed : .halfOpen
    case .halfOpen, .forcedOpen, .forcedClosed: endsAt == nil ? nil : .closed
    }
  }

  /// When the episode under way ends at the latest; nil if none is.
  package var episodeEndsAt: Timestamp? { episodeEnd == .distantFuture ? nil : episodeEnd }

  /// When the next timer is due; `distantFuture` if none is.
  package var nextDeadline: Timestamp {
    @inline(__always) get {
      switch state {
      case .closed: .distantFuture
      case .open: min(until, episodeEnd)
      case .halfOpen: firstProbe == nil ? .distantFuture : min(quietEnd, episodeEnd, acksStandAt)
      case .forcedOpen, .forcedClosed: until
      }
    }
  }

  /// A verdict. A storm opens a closed and armed breaker; a healthy one arms it again, and so does one that is `failing` for
  /// `rearm_ns` without a break: a group with steady failures below every rule is never healthy, and in an outage a rule is
  /// met before that. `verdict` is asked for only if it opens.
  package mutating func judge(_ kind: Verdict.Kind, at now: Timestamp, verdict: () -> Verdict?) -> Transition? {
    guard state == .closed, isCurrent(now) else { return nil }
    if kind != .failing {
      failingSince = nil
    } else if failingSince == nil {
      failingSince = now
    }
    if kind == .healthy { isArmed = true }
    if let failingSince, now - failingSince >= Self.rearm_ns { isArmed = true }
    guard kind == .storm, isArmed else { return nil }
    return move(to: .open, .rule, at: now, verdict: verdict())
  }

  /// A delivery came, settled or not. Only half-open cares. Answers whether it was the last of the probes.
  @discardableResult @inline(__always) package mutating func delivered(at now: Timestamp) -> Bool {
    guard state == .halfOpen, now > since else { return false }
    if firstProbe == nil { beginProbing(at: now) }
    probesReceived += 1
    return probesReceived == settings.probes
  }

  /// Half-open has received as many deliveries as it needs to decide.
  package var hasAllProbes: Bool { state == .halfOpen && probesReceived >= settings.probes }

  /// A delivery was settled.
  @inline(__always) package mutating func outcome(_ outcome: Outcome, at now: Timestamp) -> Transition? {
    state == .halfOpen ? probe(outcome, at: now) : nil
  }

  /// By itself or by an operator.
  package var isClosed: Bool { state == .closed || state == .forcedClosed }

  /// A fact of an earlier generation, as somebody else found.
  mutating func drop() { dropped &+= 1 }

  /// Applies the next timer that is due by `now`, if one is; its transition bears the time it was due. Several may be
  /// due after a gap: call until it answers nil.
  package mutating func tick(at now: Timestamp) -> Transition? {
    guard nextDeadline <= now else { return nil }
    let due = max(nextDeadline, since)
    switch state {
    case .closed: return nil
    case .open:
      if episodeEnd <= until { return move(to: .closed, .maxEpisode, at: due) }
      return move(to: .halfOpen, .openTimeElapsed, at: due)
    case .halfOpen:
      if acksStandAt <= min(quietEnd, episodeEnd) { return move(to: .closed, .probesSucceeded, at: due) }
      return move(to: .closed, quietEnd <= episodeEnd ? .quietHalfOpen : .maxEpisode, at: due)
    case .forcedOpen, .forcedClosed:
      return move(to: .closed, .overrideEnded, at: due)
    }
  }

  /// A command by an operator. With `ifRevision` it is refused if the breaker has moved on since.
  package mutating func apply(
    _ command: BreakerCommand, note: OperatorNote? = nil, ifRevision: UInt64? = nil, at now: Timestamp
  ) -> CommandResult {
    if let ifRevision, ifRevision != revision { return .stale(revision: revision) }
    let now = max(now, since)
    switch (command, state) {
    case (.trip(let span_ns), .closed), (.trip(let span_ns), .halfOpen):
      return .changed(move(to: .open, .trip, at: now, note: note, limit_ns: trip_ns(span_ns)))
    case (.trip(let span_ns), .open):
      guard min(now + trip_ns(span_ns), episodeEnd) > min(until, episodeEnd) else {
        return .unchanged(why: "it is open already, and for longer")
      }
      return .changed(move(to: .open, .trip, at: now, note: note, limit_ns: trip_ns(span_ns)))
    case (.reset, .open), (.reset, .halfOpen):
      return .changed(move(to: .closed, .reset, at: now, note: note))
    case (.reset, .closed), (.rearm, _):
      guard !isArmed else { return .unchanged(why: command == .reset ? "it is closed already" : "it is armed already") }
      isArmed = true
      return .rearmed
    case (.trip, _), (.reset, _):
      return .unchanged(why: "an override is in force (\(state.name)): clear it first")
    case (.forceOpen(let span_ns), _):
      return .changed(
        move(to: .forcedOpen, .override, at: now, note: note, limit_ns: max(0, span_ns ?? settings.forcedOpen_ns)))
    case (.forceClosed(let span_ns), _):
      return .changed(move(to: .forcedClosed, .override, at: now, note: note, limit_ns: span_ns.map { max(0, $0) }))
    case (.clearOverride, .forcedOpen), (.clearOverride, .forcedClosed):
      return .changed(move(to: .closed, .overrideEnded, at: now, note: note))
    case (.clearOverride, _):
      return .unchanged(why: "no override is in force")
    }
  }
}

extension Breaker {
  private func trip_ns(_ span_ns: Int64?) -> Int64 { max(0, span_ns ?? settings.tripOpen_ns) }

  /// Every transition, and nothing else changes the state. `limit_ns`: of an override, and the least of a trip.
  private mutating func move(
    to next: BreakerState, _ cause: Transition.Cause, at now: Timestamp, verdict: Verdict? = nil,
    note: OperatorNote? = nil, limit_ns: Int64? = nil
  ) -> Transition {
    let before = state
    state = next
    since = now
    revision += 1
    acksInARow = 0
    acksStandAt = .distantFuture
    probesReceived = 0
    firstProbe = nil
    failingSince = nil
    until = .distantFuture
    switch next {
    case .open:
      // A half-open that nobody used may have outlasted its episode: what opens now is another one.
      if before == .closed || episodeEnd <= now { episodeEnd = now + settings.maxEpisode_ns }
      if before == .closed, now - closedSince >= settings.openReset_ns { openings = 0 }
      until = now + max(openTime(), limit_ns ?? 0)
      openings += 1
      isArmed = true
    case .halfOpen: break
    case .closed, .forcedClosed:
      episodeEnd = .distantFuture
      if before != .closed, before != .forcedClosed { closedSince = now }
      isArmed = cause != .maxEpisode
      if let limit_ns { until = now + limit_ns }
    case .forcedOpen:
      isArmed = true
      episodeEnd = .distantFuture
      until = now + (limit_ns ?? settings.forcedOpen_ns)
    }
    return Transition(
      revision: revision, at: now, from: before, to: next, cause: cause, verdict: verdict, note: note)
  }

  private mutating func probe(_ outcome: Outcome, at now: Timestamp) -> Transition? {
    guard isCurrent(now) else { return nil }
    guard outcome.deliveredAt > since else {
      dropped &+= 1
      return nil
    }
    if firstProbe == nil { beginProbing(at: outcome.deliveredAt) }
    if outcome.settlement.isFailure { return move(to: .open, .probeFailed, at: now) }
    guard outcome.settlement == .acked, !outcome.paired else { return nil }
    acksInARow += 1
    guard acksInARow >= settings.probes else { return nil }
    guard ackDoubt_ns == 0 else {
      acksStandAt = min(acksStandAt, now + ackDoubt_ns)
      return nil
    }
    return move(to: .closed, .probesSucceeded, at: now)
  }

  /// An ack was revoked, `span_ns` after it was sent. Half-open then waits 1.5 times the moving average of that, at most
  /// `halfOpen_ns`.
  package mutating func revoked(ackAfter span_ns: Int64) {
    let span_ns = min(span_ns, settings.halfOpen_ns)
    revokedAfter_ns = revokedAfter_ns == 0 ? span_ns : revokedAfter_ns + (span_ns - revokedAfter_ns) / 8
    ackDoubt_ns = min(revokedAfter_ns + revokedAfter_ns / 2, settings.halfOpen_ns)
  }

  private mutating func beginProbing(at now: Timestamp) {
    firstProbe = now
    if now >= episodeEnd { episodeEnd = now + settings.maxEpisode_ns }
  }

  /// When half-open has been without a failure for long enough. If its first delivery came late, the time counts from
  /// that.
  private var quietEnd: Timestamp {
    let end = since + settings.halfOpen_ns
    guard let firstProbe, firstProbe > end else { return end }
    return firstProbe + settings.halfOpen_ns
  }

  private mutating func isCurrent(_ now: Timestamp) -> Bool {
    if now >= since { return true }
    dropped &+= 1
    return false
  }

  /// Longer than a rule with the usual window takes to be met in an outage.
  static let rearm_ns: Int64 = .seconds(120)

  /// min(openMaximum, openBase × 2^openings), varied by the jitter.
  private mutating func openTime() -> Int64 {
    let (doubled, overflow) = settings.openBase_ns.multipliedReportingOverflow(by: 1 << Int64(min(openings, 40)))
    let span_ns = overflow ? settings.openMaximum_ns : min(settings.openMaximum_ns, doubled)
    return Int64(Double(span_ns) * (1 + settings.jitter * (2 * random.unit() - 1)))
  }
}

extension Transition {
  /// Whether the windows of the group are to start anew: it was let go, or an override no longer stands in the way of
  /// rules, which would judge what came while it did.
  package var restartsWindow: Bool { to == .closed }
  /// Whether somebody should be called: the longest episode was reached and traffic let go.
  package var raisesAlarm: Bool { cause == .maxEpisode }
}
