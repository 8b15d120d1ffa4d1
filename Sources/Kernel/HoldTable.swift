internal import CProbe
internal import Glibc
internal import Pipeline

/// The kernel's tables of what is held (`bpf/holding.h`), as user space writes them: which connections, on which terms, and
/// where new ones are refused. A change of terms is a few stores into shared memory; nothing is let go in between and no
/// count is lost.
///
/// Bounds: `HELD_MAXIMUM` connections, `REFUSED_MAXIMUM` addresses. Belongs to one thread, and must not outlive the programs.
struct HoldTable {
  private let kernel: cprobe_holding
  private let locks: ConnectionLocks
  /// Whether held bytes are shown to a capture.
  private let shows: Bool
  private var slots = [UInt64: Int]()
  private var refused = Set<Endpoint>()
  /// Slots that were never used begin here; those given back wait in line, so that none is used again while a packet under
  /// way may still look at it.
  private var unused = 0
  private var returned = [Int]()
  /// Connections that are let go at a given time: until then the kernel holds them.
  private var leaving = [UInt64: (slot: Int, at_ns: Int64)]()

  init(_ kernel: cprobe_holding, _ locks: ConnectionLocks, shows: Bool) {
    self.kernel = kernel
    self.locks = locks
    self.shows = shows
  }

  var isEmpty: Bool { slots.isEmpty && refused.isEmpty && leaving.isEmpty }
  var cookies: [UInt64] { Array(slots.keys) }
  var count: Int { slots.count }

  /// Begins a hold or changes its terms; `until_ns` is CLOCK_MONOTONIC. Throws, and changes nothing, if the terms are
  /// impossible, there is no room, or another stormfuse holds the connection.
  mutating func hold(_ cookie: UInt64, _ terms: HoldTerms, until_ns: Int64, now_ns: Int64) throws(KernelError) {
    guard terms.trickle_ns >= Self.trickle_ns.lowerBound, terms.trickle_ns <= Self.trickle_ns.upperBound else {
      throw KernelError(.failed, "a trickle every \(terms.trickle_ns) ns is not possible: choose 1 ms to a day")
    }
    guard terms.action != .throttle || terms.rate_bytes_s > 0 else {
      throw KernelError(
        .failed, "a throttle to nothing is not possible: choose a rate of at least 1 byte a second, or pause")
    }
    let rate = terms.action == .throttle ? min(terms.rate_bytes_s, Self.rateMaximum) : 0
    if let slot = slots[cookie] {
      let hold = kernel.holds + slot
      // Allowance that was saved up, or owed, belongs to the rate it was saved up at.
      if hold.pointee.rate_bytes_s != rate { hold.pointee.due_ns = UInt64(now_ns) }
      hold.pointee.rate_bytes_s = rate
      // Every order shows more: what a client says in the course of a long hold is to be seen as well.
      if shows { hold.pointee.peek_left_bytes = PEEK_MAXIMUM.rawValue }
      hold.pointee.trickle_ns = UInt64(terms.trickle_ns)
      hold.pointee.whole_ns = UInt64(max(terms.whole_ns, terms.trickle_ns))
      hold.pointee.flags = terms.holdsAcks ? HOLD_ACKS.rawValue : 0
      hold.pointee.until_ns = UInt64(max(until_ns, 0))
      return
    }
    if let last = leaving.removeValue(forKey: cookie) { letGo(cookie, last.slot) }
    guard slots.count + leaving.count < Int(HELD_MAXIMUM.rawValue) else {
      throw KernelError(
        .failed,
        "\(slots.count + leaving.count) connections are held already and there is no room for more: release some first")
    }
    try locks.take(cookie)
    var index = UInt32(unused < Int(HELD_MAXIMUM.rawValue) ? unused : returned[0])
    var fresh = CProbe.hold()
    fresh.cookie = cookie
    fresh.until_ns = UInt64(max(until_ns, 0))
    fresh.trickle_ns = UInt64(terms.trickle_ns)
    fresh.whole_ns = UInt64(max(terms.whole_ns, terms.trickle_ns))
    fresh.rate_bytes_s = rate
    fresh.flags = terms.holdsAcks ? HOLD_ACKS.rawValue : 0
    fresh.payload_ns = UInt64(now_ns)
    fresh.acknowledgement_ns = UInt64(now_ns)
    fresh.due_ns = UInt64(now_ns)
    fresh.peek_left_bytes = shows ? PEEK_MAXIMUM.rawValue : 0
    kernel.holds[Int(index)] = fresh
    var key = cookie
    let error = cprobe_map_update(kernel.held, &key, &index, 1)
    guard error == 0 else {
      locks.giveBack(cookie)
      throw KernelError(.failed, "the kernel refused to hold a connection: \(KernelError.text(error))")
    }
    slots[cookie] = Int(index)
    if unused < Int(HELD_MAXIMUM.rawValue) { unused += 1 } else { returned.removeFirst() }
  }

  /// Lets go, at once or at a given time on CLOCK_MONOTONIC; what was counted until now, or nil if it was not held.
  mutating func release(_ cookie: UInt64, at_ns: Int64? = nil) -> HoldCounters? {
    guard let slot = slots.removeValue(forKey: cookie) else { return nil }
    let counters = Self.counters(kernel.holds[slot])
    if let at_ns {
      kernel.holds[slot].until_ns = min(kernel.holds[slot].until_ns, UInt64(max(at_ns, 0)))
      leaving[cookie] = (slot, at_ns)
    } else {
      letGo(cookie, slot)
    }
    return counters
  }

  /// Removes the entries of connections with a release time that has passed.
  mutating func tidy(now_ns: Int64) {
    for (cookie, last) in leaving where last.at_ns <= now_ns {
      letGo(cookie, last.slot)
      leaving[cookie] = nil
    }
  }

  private mutating func letGo(_ cookie: UInt64, _ slot: Int) {
    var key = cookie
    _ = cprobe_map_delete(kernel.held, &key)
    locks.giveBack(cookie)
    kernel.holds[slot].until_ns = 0
    returned.append(slot)
  }

  func counters(_ cookie: UInt64) -> HoldCounters? { slots[cookie].map { Self.counters(kernel.holds[$0]) } }

  /// Refuses new connections to an endpoint, or with nil to anywhere.
  mutating func refuse(_ endpoint: Endpoint?, until_ns: Int64) throws(KernelError) {
    var key = Self.key(endpoint)
    var until = UInt64(max(until_ns, 0))
    let error = cprobe_map_update(kernel.refused, &key, &until, 0)
    guard error == 0 else {
      throw KernelError(
        .failed,
        abs(error) == E2BIG || abs(error) == ENOSPC
          ? "connections to \(refused.count) addresses are refused already and there is no room for more"
          : "the kernel did not take an address to refuse: \(KernelError.text(error))")
    }
    refused.insert(endpoint ?? Self.anywhere)
  }

  mutating func allow(_ endpoint: Endpoint?) {
    guard refused.remove(endpoint ?? Self.anywhere) != nil else { return }
    var key = Self.key(endpoint)
    _ = cprobe_map_delete(kernel.refused, &key)
  }

  /// Everything, the lease included.
  mutating func releaseAll() {
    kernel.lease_ns.pointee = 0
    for cookie in cookies { _ = release(cookie) }
    tidy(now_ns: .max)
    for endpoint in refused { allow(endpoint) }
  }

  /// Past this nothing is held, whatever the entries say.
  func setLease(_ until_ns: Int64) { kernel.lease_ns.pointee = UInt64(max(until_ns, 0)) }

  private static func counters(_ hold: hold) -> HoldCounters {
    var counters = HoldCounters()
    counters.held = HoldCounters.Count(packets: hold.held.packets, bytes: hold.held.bytes)
    counters.passed = HoldCounters.Count(packets: hold.passed.packets, bytes: hold.passed.bytes)
    return counters
  }

  private static func key(_ endpoint: Endpoint?) -> remote {
    let endpoint = endpoint ?? anywhere
    var key = remote()
    key.address = (
      UInt32(truncatingIfNeeded: endpoint.high >> 32).bigEndian, UInt32(truncatingIfNeeded: endpoint.high).bigEndian,
      UInt32(truncatingIfNeeded: endpoint.low >> 32).bigEndian, UInt32(truncatingIfNeeded: endpoint.low).bigEndian
    )
    key.port = endpoint.port.bigEndian
    return key
  }

  /// Nobody connects to port 0.
  private static let anywhere = Endpoint(high: 0, low: 0, port: 0)
  static let lease_ns: Int64 = .seconds(2)
  private static let trickle_ns: ClosedRange<Int64> = .milliseconds(1) ... .seconds(86_400)
  /// Beyond any network; keeps the kernel's arithmetic (bytes × 10⁹ ÷ rate) meaningful.
  private static let rateMaximum: UInt64 = 1 << 40
}
