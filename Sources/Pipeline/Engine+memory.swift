// What outlives the process.

extension Engine {
  /// The breakers that have something to remember: those that ever moved.
  package func memory() -> [BreakerMemory] {
    ledger.groups.filter { $0.monitor.breaker.revision > 0 }.map { group in
      let breaker = group.monitor.breaker
      // In moments of the wall clock: the next run knows no other.
      let deadlines = breaker.deadlines(at: to, wallAhead_ns: ledger.wallAhead_ns)
      return BreakerMemory(
        key: group.key, cluster: ledger.clusters.name(of: group.cluster),
        addresses: ledger.clusters.addresses(of: group.cluster, most: Self.addressesRemembered), system: group.system,
        group: group.name, destination: group.destinations.first ?? "", state: breaker.state,
        revision: breaker.revision,
        since_ns: ledger.wall(breaker.since).ns, until: deadlines.until, episode_end: deadlines.episodeEnd,
        closed_since_ns: ledger.wall(breaker.closedSince).ns, openings: breaker.openings, is_armed: breaker.isArmed,
        note: group.note,
        transitions: Array(
          (group.remembered + group.transitions.suffix(Self.transitionsRemembered).map(Report.TransitionReport.init))
            .suffix(Self.transitionsRemembered)))
    }
  }

  /// Goes on with breakers as they were before a restart: their groups are there at once, before any traffic of theirs.
  /// To be called once, before the first segment. Past the bound of groups the rest is forgotten, counted; so are those of
  /// systems that are not known, which no snapshot that was read has.
  package mutating func restore(_ memories: [BreakerMemory], at now: Timestamp) {
    _ = ledger.advance(to: now)
    for memory in memories {
      guard let type = protocols.type(of: memory.system) else { continue }
      let cluster = ledger.clusters.remember(memory.cluster, addresses: memory.addresses)
      let id = ledger.group(
        type, key: memory.key, name: memory.group,
        destination: memory.destination.isEmpty ? nil : memory.destination, cluster: cluster)
      let group = ledger.groups[Int(id.index)]
      group.monitor.restore(memory, key: memory.key, at: now)
      group.note = memory.note
      group.remembered = memory.transitions.suffix(Self.transitionsRemembered)
    }
    ledger.isPlanDue = true
    // Deadlines count from here, whether traffic comes or not.
    tick(at: now)
  }

  private static var transitionsRemembered: Int { 4 }
  private static var addressesRemembered: Int { 16 }
}
