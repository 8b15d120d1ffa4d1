// The reports of several targets as one.

extension Report {
  /// Everything that several engines saw: counters are sums, lists are joined, and each group keeps its target. One report
  /// alone stays as it is; of none, an empty one.
  package static func merged(_ reports: [Report]) -> Report {
    guard var merged = reports.first else {
      return Engine(settings: Settings(), target: "", origin: .live).report()
    }
    for report in reports.dropFirst() { merged.add(report) }
    guard reports.count > 1 else { return merged }
    merged.groups.sort { ($0.key, $0.cluster, $0.target) < ($1.key, $1.cluster, $1.target) }
    merged.ungrouped.sort { ($0.system, $0.destination) < ($1.system, $1.destination) }
    merged.unattributed.sort { ($0.system, $0.destination) < ($1.system, $1.destination) }
    merged.producers.sort { ($0.system, $0.destination, $0.kind) < ($1.system, $1.destination, $1.kind) }
    merged.capture.undecoded.sort { $0.reason < $1.reason }
    return merged
  }

  private mutating func add(_ other: Report) {
    // One that has seen nothing yet has no time.
    let isEarlier = other.capture.segments > 0 && other.from.timestamp < from.timestamp
    if capture.segments == 0 || isEarlier { from = other.from }
    if to.timestamp < other.to.timestamp { to = other.to }
    capture.add(other.capture)
    groups += other.groups
    ungrouped.add(other.ungrouped, same: { [$0.system, $0.destination] }) { $0.delivered += $1.delivered }
    unattributed.add(other.unattributed, same: { [$0.system, $0.destination] }) { $0.delivered += $1.delivered }
    producers.add(other.producers, same: { [$0.system, $0.destination, $0.kind] }) {
      $0.add($1.published, copies: $1.copies ?? 0)
    }
    topology.nodes.add(other.topology.nodes, same: { [$0.id] }) { _, _ in }
    topology.edges.add(other.topology.edges, same: { [$0.from, $0.to, $0.kind] }) { $0.messages += $1.messages }
  }
}

extension Array {
  /// Adds each of the others to the element that it is the same as, or at the end.
  fileprivate mutating func add(
    _ others: [Element], same key: (Element) -> [String], _ add: (inout Element, Element) -> Void
  ) {
    var places = Dictionary(enumerated().map { (key($0.element), $0.offset) }, uniquingKeysWith: { first, _ in first })
    for other in others {
      if let place = places[key(other)] {
        add(&self[place], other)
      } else {
        places[key(other)] = count
        append(other)
      }
    }
  }
}

extension Report.Capture {
  fileprivate mutating func add(_ other: Report.Capture) {
    segments += other.segments
    bytes += other.bytes
    lost_bytes += other.lost_bytes
    connections += other.connections
    losses.merge(other.losses, uniquingKeysWith: +)
    dropped.merge(other.dropped, uniquingKeysWith: +)
    decoded.bySystem.merge(other.decoded.bySystem, uniquingKeysWith: +)
    for reason in other.undecoded {
      if let place = undecoded.firstIndex(where: { $0.reason == reason.reason }) {
        undecoded[place].connections += reason.connections
        let new = reason.addresses.filter { !undecoded[place].addresses.contains($0) }
        undecoded[place].addresses = Array((undecoded[place].addresses + new).prefix(ConnectionSample.most))
      } else {
        undecoded.append(reason)
      }
    }
  }
}
