package import Pipeline

/// Holding: on the thread that polls. While something is held, and only then, the egress programs decide about each segment
/// before they record it (`bpf/hold.bpf.h`); they are swapped in one step, so no packet is missed.
///
/// A held connection is kept alive by probes (`Nudger`), where its socket can be reached.
///
/// Nothing stays held by itself: each hold has an end, and `renewLease` must be called at least every two seconds (twice a
/// second is meant), or the kernel lets everything pass.
extension Capture {
  /// Holds a connection's egress, or changes the terms of a hold in place, without letting go and without losing its
  /// counts. Renews the lease.
  ///
  /// - Parameters:
  ///   - cookie: Of a connection of the target's, as in `Segment.cookie`.
  ///   - for_ns: From now on; above 0. When it is over everything passes, but `release` is still to be called.
  /// - Throws: If the terms are impossible (a trickle outside of 1 ms to 60 s, a throttle without a rate), 4096 connections
  ///   are held already, or `whyCannotHold`. Then nothing has changed.
  package func hold(_ cookie: UInt64, _ terms: HoldTerms, for_ns: Int64) throws(KernelError) {
    guard held != nil else { throw KernelError(.failed, "the capture was closed: nothing can be held") }
    let now_ns = Clock.monotonic_ns()
    try programs.beginHolding()
    held?.setLease(now_ns + HoldTable.lease_ns)
    do throws(KernelError) {
      try held?.hold(cookie, terms, until_ns: now_ns.addingClamped(for_ns), now_ns: now_ns)
    } catch {
      if held?.counters(cookie) == nil { nudger.leave(cookie, at_ns: nil) }
      endIfIdle()
      throw error
    }
  }

  /// Lets a connection go, after that time if it is above 0. Returns its counts until now; nil if it was not held.
  ///
  /// The last probe makes its socket send what has gathered; by itself it would within half a second.
  @discardableResult
  package func release(_ cookie: UInt64, after_ns: Int64 = 0) -> HoldCounters? {
    let at_ns = Clock.monotonic_ns().addingClamped(max(0, after_ns))
    let counters = held?.release(cookie, at_ns: after_ns > 0 ? at_ns : nil)
    nudger.leave(cookie, at_ns: counters == nil ? nil : at_ns)
    endIfIdle()
    return counters
  }

  /// Lets everything go, refused endpoints included.
  package func releaseAll() {
    let now_ns = Clock.monotonic_ns()
    for cookie in held?.cookies ?? [] { nudger.leave(cookie, at_ns: now_ns) }
    held?.releaseAll()
    endIfIdle()
  }

  /// Keeps what is held for another two seconds: a store to shared memory. Tries again where something was left out.
  package func renewLease() {
    let now_ns = Clock.monotonic_ns()
    held?.tidy(now_ns: now_ns)
    endIfIdle()
    guard let held, !held.isEmpty else { return }
    held.setLease(now_ns + HoldTable.lease_ns)
    programs.holdLeftOut()
  }

  /// How a connection is kept alive while it is held: begins to send probes if it can be reached. Meant for what is held or
  /// about to be; ends with `release`. Answers from memory.
  package func keepalive(_ cookie: UInt64) -> Keepalive {
    let limits = discovery.limits(cookie: cookie)
    if limits.access == .unknown { discovery.hurry() }
    return nudger.keepAlive(cookie, limits)
  }

  /// Refuses the target's new connections to an endpoint: connect fails with EPERM. In a shared cgroup only those of
  /// processes that are known as the target's; another one's is held when it is seen. Renews the lease.
  ///
  /// - Throws: If 1024 endpoints are refused already, or `whyCannotHold`.
  package func refuse(_ endpoint: Endpoint, for_ns: Int64) throws(KernelError) {
    guard held != nil else { throw KernelError(.failed, "the capture was closed: nothing can be refused") }
    let now_ns = Clock.monotonic_ns()
    try programs.beginHolding()
    held?.setLease(now_ns + HoldTable.lease_ns)
    do throws(KernelError) {
      try held?.refuse(endpoint, until_ns: now_ns.addingClamped(for_ns))
    } catch {
      endIfIdle()
      throw error
    }
  }

  /// Ends a refusal.
  package func allow(_ endpoint: Endpoint) {
    held?.allow(endpoint)
    endIfIdle()
  }

  /// Counts since the hold began; nil if the connection is not held.
  package func holdCounters(_ cookie: UInt64) -> HoldCounters? { held?.counters(cookie) }

  /// Connections that are held, and those whose time is over but that were not released.
  package var heldConnections: Int { held?.count ?? 0 }

  /// Why nothing can be held here, and what to do; nil if it can. Asks the kernel: some tens of microseconds.
  package var whyCannotHold: String? { programs.whyCannotHold }

  /// While something is held: why connections of a cgroup that came since are not, though their holds were taken; nil if
  /// all are. `renewLease` tries again. Answers from memory.
  package var leftOut: String? { programs.leftOut }

  /// What a connection's own kernel would end it for: answers from memory, `Discovery.limits`.
  package func socketLimits(cookie: UInt64) -> SocketLimits { discovery.limits(cookie: cookie) }

  private func endIfIdle() {
    guard held?.isEmpty ?? true else { return }
    held?.setLease(0)
    programs.endHolding()
  }
}

extension Int64 {
  func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other > 0 ? .max : .min) : sum
  }
}
