/// The few messages that make most failures, most first.
package struct Named: Equatable, Sendable {
  /// Fewer than five are poison.
  static let most = 4
  package private(set) var count = 0
  package private(set) var messages = SIMD4<UInt64>(repeating: 0)
  package private(set) var failuresOf = SIMD4<UInt32>(repeating: 0)
  private var deadLettersOf = SIMD4<UInt32>(repeating: 0)
  private(set) var everFailuresOf = SIMD4<UInt32>(repeating: 0)
  private var acksBeforeOf = SIMD4<UInt32>(repeating: 0)

  /// Of all the named ones.
  package var failures: UInt32 { failuresOf.wrappedSum() }
  package var deadLetters: UInt32 { deadLettersOf.wrappedSum() }

  /// Most acks of the window since one of them began to fail; `acks` is the running number now, which may lie behind
  /// where it was: acks can be revoked.
  func acksSince(_ acks: UInt32) -> UInt32 {
    var most: Int32 = 0
    for i in 0..<count { most = max(most, Int32(bitPattern: acks &- acksBeforeOf[i])) }
    return UInt32(most)
  }

  func contains(_ message: UInt64) -> Bool { (0..<count).contains { messages[$0] == message } }

  mutating func offer(_ entry: DistinctMessages.Entry) {
    let failures = entry.failures &+ entry.paneFailures
    if count == Self.most, failures <= failuresOf[Self.most - 1] { return }
    var at = count < Self.most ? count : Self.most - 1
    if count < Self.most { count += 1 }
    while at > 0, failuresOf[at - 1] < failures {
      move(at - 1, to: at)
      at -= 1
    }
    messages[at] = entry.message
    failuresOf[at] = failures
    deadLettersOf[at] = entry.deadLetters &+ entry.paneDeadLetters
    everFailuresOf[at] = entry.everFailures
    acksBeforeOf[at] = entry.acksBefore
  }

  mutating func take(_ other: Named, _ i: Int) {
    messages[count] = other.messages[i]
    failuresOf[count] = other.failuresOf[i]
    deadLettersOf[count] = other.deadLettersOf[i]
    everFailuresOf[count] = other.everFailuresOf[i]
    acksBeforeOf[count] = other.acksBeforeOf[i]
    count += 1
  }

  private mutating func move(_ from: Int, to: Int) {
    messages[to] = messages[from]
    failuresOf[to] = failuresOf[from]
    deadLettersOf[to] = deadLettersOf[from]
    everFailuresOf[to] = everFailuresOf[from]
    acksBeforeOf[to] = acksBeforeOf[from]
  }
}
