/// Connections of one kind, with the far ends of some of them: the target's peers live; in a capture file whatever was
/// called where the beginning was seen, else the receiver of the first segment.
///
/// Memory: the `most` smallest addresses, so that they are the same in whichever order connections are counted.
struct ConnectionSample {
  private(set) var count = 0
  /// Rising, each once.
  private(set) var ends: [Endpoint] = []

  mutating func add(_ end: Endpoint) {
    count += 1
    guard !ends.contains(end) else { return }
    let place = ends.firstIndex { Self.isLess(end, $0) } ?? ends.count
    guard place < Self.most else { return }
    ends.insert(end, at: place)
    if ends.count > Self.most { ends.removeLast() }
  }

  private static func isLess(_ a: Endpoint, _ b: Endpoint) -> Bool { (a.high, a.low, a.port) < (b.high, b.low, b.port) }

  static let most = 4
}

/// How many connections were decoded, by system: for the summary of a recording.
package struct DecodedConnections: EmptyValue {
  package var bySystem: [MessagingSystem: Int] = [:]
  package init() {}
}
