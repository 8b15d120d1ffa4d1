internal import CProbe
internal import Glibc
package import Pipeline

/// Live capture of one target's TCP traffic.
///
/// In: the packets of the target's cgroups, through the kernel programs in `bpf/`. Out: `Segment`s with their payload, in
/// the order in which they passed; a payload above 4096 bytes comes as several segments. Segments without payload come only
/// with SYN, FIN or RST. Nothing is assembled here.
///
/// Memory: the ring, and `Connections`. Cost: about 100 ns for a segment, most of it waiting for
/// memory that another processor wrote. Loss: what the kernel could not put into the ring
/// is counted there, by connection, and handed on as `CaptureLoss`; the reassembler finds the hole by its sequence numbers.
///
/// Belongs to one thread. `discovery` may be used from another.
package final class Capture {
  /// Keeps the set of cgroups, processes and open sockets right; the caller calls its `refresh` about every 100 ms.
  package let discovery: Discovery
  /// Ends a `poll` that waits; may be rung from any thread.
  package let alarm = Alarm()
  /// Its `step` and `rest` are to be called by a thread of its own while something is held.
  package let nudger = Nudger()
  let programs: Programs
  private var ring: cprobe_ring
  private let descriptor: Int32
  private var state: UnsafeMutablePointer<capture_state>?
  private var position: UInt64 = 0
  private var connections = Connections()
  private var waiting = WaitingSegments()
  private var clock: Clock
  private var counted = Statistics()
  private var losses = LossLedger()
  /// What is held; see `Capture+holding.swift`.
  var held: HoldTable?
  /// Monotonic; when a poll last found something, and when the tables were last swept.
  private var found_ns: Int64 = 0
  private var swept_ns = Clock.monotonic_ns()

  /// Loads the programs and attaches them. Needs CAP_BPF and CAP_NET_ADMIN.
  ///
  /// - Parameters:
  ///   - ringBytes: Rounded up to a power of two; 4 KiB to 1 GiB.
  ///   - clock: The time that segments bear.
  ///   - mayTranslate: False does in another PID namespace as kernels before 6.10 do; for tests.
  package init(
    target: Target, ringBytes: Int = usualRingBytes, clock: Clock = Clock(), mayTranslate: Bool = true
  ) throws(KernelError) {
    self.clock = clock
    guard ringBytes >= 4096, ringBytes <= 1 << 30 else {
      throw KernelError(.failed, "a ring buffer of \(ringBytes) bytes is not possible: choose 4096 to \(1 << 30)")
    }
    var rounded = max(4096, Int(sysconf(Int32(_SC_PAGESIZE))))
    while rounded < ringBytes { rounded *= 2 }
    programs = try Programs(ringBytes: rounded, mayTranslate: mayTranslate)
    guard let mapped = programs.mapped else { throw KernelError(.failed, "the capture programs were closed") }
    ring = mapped.ring
    descriptor = mapped.descriptor
    state = mapped.state
    let locks = ConnectionLocks(try ControlGroups())
    held = programs.holding.map { HoldTable($0, locks, shows: true) }
    discovery = try Discovery(target: target, programs: programs)
  }

  deinit { close() }

  /// Detaches the programs and frees the ring. After that nothing is captured any more, and nothing is held.
  package func close() {
    held = nil
    state = nil
    programs.close()
  }

  /// Hands on what has been captured, and waits for it up to `timeout_ms` if there is nothing yet. The last segment before
  /// a pause is seen within 2 ms. Returns how many segments were handed on; after 8192 records it returns even if there is
  /// more.
  ///
  /// - Parameters:
  ///   - body: Takes a segment with the payload that was captured, which is valid during the call only.
  ///   - loss: Takes what the kernel has counted as lost since the last poll, at most every 5 ms.
  ///   - held: Takes bytes that are held and have not been handed on, each at most once: up to 4096 at a time and 64 KB after
  ///     each change of a hold's terms, if there was room in the ring. They are no fact; they come to `body` when they
  ///     pass. They count as handed on.
  package func poll(
    timeout_ms: Int, body: (Segment, RawSpan) -> Void, loss: (CaptureLoss) -> Void,
    held: (Segment, RawSpan) -> Void = { _, _ in }
  ) -> Int {
    guard state != nil else { return 0 }
    var now_ns = Clock.monotonic_ns()
    let deadline_ns = now_ns + Int64(max(0, min(timeout_ms, 3_600_000))) * 1_000_000
    clock.refresh(now_ns: now_ns)
    var isReady = false
    var isWoken = false
    while true {
      // Segments that have waited are older than those in the ring.
      let released = release(body, loss, now_ns: now_ns)
      let (records, drained) = drain(body, held)
      let segments = released + drained
      now_ns = Clock.monotonic_ns()
      reportLosses(loss, now_ns: now_ns)
      if now_ns - swept_ns >= sweepEvery_ns { sweep(now_ns: now_ns) }
      if records > 0 { found_ns = now_ns }
      if segments > 0 || isWoken || now_ns >= deadline_ns { return segments }
      // The kernel wakes us at most once a millisecond. So for two milliseconds after the last record we look ourselves;
      // what comes later wakes us for certain.
      let left_ms = (deadline_ns - now_ns + 999_999) / 1_000_000
      let wait_ms = now_ns - found_ns < Self.linger_ns || !waiting.isEmpty ? 1 : left_ms
      // Something is there but still being written, by a process that was interrupted perhaps: let it run.
      if isReady && records == 0 { usleep(50) }
      let ready = cprobe_wait(descriptor, alarm.descriptor, Int32(min(wait_ms, left_ms)))
      isReady = ready > 0 && ready & Int32(CPROBE_RING.rawValue) != 0
      isWoken = ready > 0 && ready & Int32(CPROBE_WOKEN.rawValue) != 0
      if isWoken { alarm.take() }
    }
  }

  /// The time that segments bear, as of now.
  package var now: Timestamp { clock.now }

  /// How far the wall clock is ahead of that by now.
  package var wallAhead_ns: Int64 { clock.wallAhead_ns }

  /// Tells the kernel how much of a connection is wanted from now on. Does nothing for one that is unknown or over.
  package func set(_ interest: Interest, cookie: UInt64) {
    guard let connection = connections[cookie], connection.role == .own, connection.interest != interest else { return }
    connections.setInterest(interest, cookie: cookie)
    write(connection, interest, cookie)
  }

  package var statistics: Statistics {
    var statistics = counted
    statistics.connections = connections.count
    guard let state else { return statistics }
    statistics.wakeups = state.pointee.wakeups
    statistics.queuedBytes = cprobe_queued(&ring)
    statistics.ringBytes = ring.bytes
    for cause in CaptureLoss.Cause.allCases {
      let lost = LossLedger.total(state.pointee, cause)
      statistics.lost[cause] = Statistics.Loss(segments: lost.segments, bytes: lost.bytes)
    }
    (statistics.program_ns, statistics.programRuns) = programs.cost
    return statistics
  }

  private func drain(
    _ body: (Segment, RawSpan) -> Void, _ held: (Segment, RawSpan) -> Void
  ) -> (records: Int, segments: Int) {
    // Local copies: a class's properties are checked for overlapping access each time.
    var ring = ring
    var position = position
    let offset_ns = clock.offset_ns
    var records = 0
    var segments = 0
    var bytes: UInt64 = 0
    var shown = 0
    while records < Self.recordsPerPoll, let event = cprobe_next(&ring, &position) {
      records += 1
      var segment = Self.segment(event, offset_ns: offset_ns)
      // The common case, data of a connection that was looked at before, costs one test.
      let marks = event.pointee.marks
      let isPlain = marks & Self.checkedOrHeld == Self.checked && event.pointee.flags & Self.opensOrEnds == 0
      if marks & Self.isHeld != 0 {
        if connections[segment.cookie]?.role == .own {
          shown += 1
          held(segment, Self.payload(event).bytes)
        }
      } else if isPlain || judge(&segment, marks: marks, Self.payload(event)) {
        segments += 1
        bytes &+= UInt64(event.pointee.length)
        body(segment, Self.payload(event).bytes)
      }
      cprobe_release(&ring, position)
    }
    self.position = position
    counted.segments &+= UInt64(segments)
    counted.bytes &+= bytes
    return (records, segments + shown)
  }

  /// Whether a segment is handed on now. Sets its process to the number that we know it by.
  private func judge(_ segment: inout Segment, marks: UInt8, _ payload: UnsafeRawBufferPointer) -> Bool {
    let egress = segment.direction == .egress
    let pair = Self.pair(segment)
    if let known = connections[segment.cookie] {
      // A socket that connects again, after a failure or to somewhere else, is looked at anew.
      if segment.flags.contains(.syn) && egress && (known.ended != 0 || known.pair != pair) {
        connections.remove(segment.cookie)
      } else {
        if !segment.flags.isDisjoint(with: [.fin, .rst]) {
          connections.ended(segment.flags, egress: egress, cookie: segment.cookie)
        }
        if known.role == .mirror { counted.mirrored &+= 1 }
        segment.process = Int32(bitPattern: known.process)
        return known.role == .own
      }
    }
    // Segments of one connection keep their order, also if its process was found meanwhile.
    if waiting.contains(segment.cookie) {
      keep(segment, pair, marks, payload)
      return false
    }
    let isUndecided = marks & UInt8(CONNECTION_UNDECIDED.rawValue) != 0
    let isListed = marks & UInt8(CONNECTION_LISTED.rawValue) != 0
    // The last word of a connection that nobody has seen: there is nothing to end.
    if segment.length == 0 && !segment.flags.contains(.syn) {
      if isUndecided && isListed && segment.flags.contains(.rst) { dropUndecided(segment.cookie) }
      return false
    }
    if segment.process < 0 {
      let outer = UInt32(bitPattern: segment.process)
      if let process = discovery.finder.process(outer: outer) {
        segment.process = process
      } else if isUndecided {
        discovery.finder.find(segment.cookie, outer: outer)
        keep(segment, pair, marks, payload)
        return false
      } else {
        segment.process = 0
      }
    }
    if isUndecided && isListed && !discovery.owns(segment.process) {
      dropUndecided(segment.cookie)
      return false
    }
    return enter(segment, isListed: isListed, isUndecided: isUndecided)
  }

  /// Forgets a neighbour's connection: the programs for shared cgroups pass over what has no entry. Were it kept, a neighbour
  /// that connects all the time would fill the table.
  private func dropUndecided(_ cookie: UInt64) {
    let wasThere = programs.withMaps { maps, _ in
      var cookie = cookie
      return cprobe_map_delete(maps.connections, &cookie) == 0
    }
    if wasThere == true { state?.pointee.undecided_left &+= 1 }
  }

  /// Enters a connection of the target's with its first segment. Returns whether the segment is handed on.
  private func enter(_ segment: Segment, isListed: Bool, isUndecided: Bool) -> Bool {
    let egress = segment.direction == .egress
    var connection = Connections.Connection(
      role: .own, pair: Self.pair(segment), interest: .full, listed: isListed,
      process: UInt32(bitPattern: segment.process))
    if connections.original(of: connection.pair, cookie: segment.cookie) != nil
      || (!isListed && waiting.contains(connection.pair.swapped))
    {
      connection.role = .mirror
      counted.mirrored &+= 1
    }
    if connection.role != .own { connection.interest = .ignore }
    if !connections.isFull, write(connection, connection.interest, segment.cookie) {
      connections.insert(connection, cookie: segment.cookie)
      if isUndecided && isListed { state?.pointee.undecided_left &+= 1 }
      if !segment.flags.isDisjoint(with: [.fin, .rst]) {
        connections.ended(segment.flags, egress: egress, cookie: segment.cookie)
      }
    } else {
      counted.untracked &+= 1
    }
    return connection.role == .own
  }

  private func keep(_ segment: Segment, _ pair: Connections.Pair, _ marks: UInt8, _ payload: UnsafeRawBufferPointer) {
    if !waiting.append(segment, pair, marks: marks, payload, now_ns: Clock.monotonic_ns()) { counted.undecided &+= 1 }
  }

  /// Hands on what has waited for its process to be found, as far as that is known by now. Returns how many segments.
  private func release(_ body: (Segment, RawSpan) -> Void, _ loss: (CaptureLoss) -> Void, now_ns: Int64) -> Int {
    guard !waiting.isEmpty else { return 0 }
    var answers = discovery.finder.takeFound()
    for cookie in waiting.overdue(now_ns: now_ns) where answers[cookie] == nil {
      // No answer for that long: the search is stopped or hung. In a cgroup of the target's own a connection is the target's
      // all the same; in a shared one it stays undecided, and its next segment asks again.
      if waiting.isListed(cookie) {
        counted.undecided &+= UInt64(waiting.take(cookie)?.segments.count ?? 0)
      } else {
        answers[cookie] = 0
      }
    }
    var released = [(segment: Segment, payload: [UInt8])]()
    var lost = [CaptureLoss]()
    for (cookie, process) in answers {
      guard let kept = waiting.take(cookie), var first = kept.segments.first?.segment else { continue }
      first.process = process
      if kept.isListed && process == 0 {
        dropUndecided(cookie)
        continue
      }
      guard enter(first, isListed: kept.isListed, isUndecided: true) else { continue }
      for one in kept.segments {
        var segment = one.segment
        segment.process = process
        if !segment.flags.isDisjoint(with: [.fin, .rst]) {
          connections.ended(segment.flags, egress: segment.direction == .egress, cookie: cookie)
        }
        released.append((segment, one.payload))
      }
      guard kept.lost.segments > 0 else { continue }
      lost.append(
        CaptureLoss(
          at: clock.timestamp(monotonic_ns: now_ns), cookie: cookie, segments: kept.lost.segments,
          bytes: kept.lost.bytes, cause: .tableFull))
    }
    // Of several connections in the order in which they passed; the sort is stable.
    released.sort { $0.segment.at < $1.segment.at }
    for one in released {
      counted.bytes &+= UInt64(one.segment.length)
      one.payload.withUnsafeBytes { body(one.segment, $0.bytes) }
    }
    for one in lost { loss(one) }
    counted.segments &+= UInt64(released.count)
    return released.count
  }

  /// Makes or replaces a connection's entry in the kernel.
  @discardableResult
  private func write(_ connection: Connections.Connection, _ interest: Interest, _ cookie: UInt64) -> Bool {
    var flags = UInt8(CONNECTION_CHECKED.rawValue)
    if connection.listed { flags |= UInt8(CONNECTION_LISTED.rawValue) }
    let kernelInterest =
      switch interest {
      case .ignore: INTEREST_IGNORE
      case .headers: INTEREST_HEADERS
      case .full: INTEREST_FULL
      }
    return programs.withMaps { maps, epoch in
      var cookie = cookie
      var entry = CProbe.connection(
        process: connection.process, epoch: epoch, interest: UInt8(kernelInterest.rawValue), flags: flags, reserved: 0)
      return cprobe_map_update(maps.connections, &cookie, &entry, 0) == 0
    } ?? false
  }

  private func reportLosses(_ loss: (CaptureLoss) -> Void, now_ns: Int64) {
    guard let state, losses.areDue(state.pointee, now_ns: now_ns) else { return }
    let at = clock.timestamp(monotonic_ns: now_ns)
    _ = programs.withMaps { maps, _ in losses.collect(state.pointee, map: maps.lost, at: at, now_ns: now_ns) }
    for one in losses.take() { loss(one) }
  }

  private var sweepEvery_ns: Int64 {
    guard let state else { return Connections.sweep_ns }
    let undecided = Int64(bitPattern: state.pointee.undecided_entered &- state.pointee.undecided_left)
    return undecided > Connections.undecidedUsual ? Connections.crowdedSweep_ns : Connections.sweep_ns
  }

  /// Forgets connections that have ended or gone quiet, here and in the kernel.
  private func sweep(now_ns: Int64) {
    swept_ns = now_ns
    guard let state else { return }
    state.pointee.epoch &+= 1
    let epoch = state.pointee.epoch
    let entered = state.pointee.undecided_entered
    let entries = entries()
    let stale = connections.stale(entries, epoch: epoch)
    // Counted anew, since user space and the kernel may meet at an entry, and one of them counts it wrongly.
    let gone = Set(stale)
    let undecided = entries.count { $0.isUndecided && !gone.contains($0.cookie) }
    state.pointee.undecided_left = entered &- UInt64(undecided)
    _ = programs.withMaps { maps, _ in
      for var cookie in stale {
        _ = cprobe_map_delete(maps.connections, &cookie)
        connections.remove(cookie)
      }
      losses.forget(map: maps.lost, at: clock.timestamp(monotonic_ns: now_ns)) { connections[$0] == nil }
    }
  }

  /// The kernel's table of connections, all of it.
  func entries() -> [Connections.Entry] {
    var entries = [Connections.Entry]()
    _ = programs.withMaps { maps, _ in
      TableScan.connections(maps.connections) { cookie, entry in
        let isIgnored = entry.interest == UInt8(INTEREST_IGNORE.rawValue)
        entries.append(
          Connections.Entry(
            cookie: cookie, isIgnored: isIgnored, isUndecided: entry.flags & Self.undecided == Self.undecided,
            epoch: entry.epoch))
      }
    }
    return entries
  }

  package static let usualRingBytes = 16 << 20
  private static let recordsPerPoll = 8192
  private static let checked = UInt8(CONNECTION_CHECKED.rawValue)
  private static let undecided = UInt8(CONNECTION_UNDECIDED.rawValue | CONNECTION_LISTED.rawValue)
  private static let isHeld = UInt8(SEGMENT_HELD.rawValue)
  private static let checkedOrHeld = checked | isHeld
  /// SYN, FIN and RST.
  private static let opensOrEnds: UInt8 = 0x07
  private static let linger_ns: Int64 = 2_500_000
}
