/// The messages that were named as poison, each with its failures: those of the window in which it was named, back to
/// when it began to fail, and every one since.
///
/// Memory: at most 64; further ones are counted in `dropped`. Cost: a look along the list per failure, if there is one.
package struct PoisonMessages: Equatable, Sendable {
  package struct Message: Equatable, Sendable {
    /// `Outcome.message`.
    package var message: UInt64
    package var failures: UInt64
  }

  package private(set) var list: [Message] = []
  package private(set) var dropped = 0
  private var lastDropped: UInt64?

  mutating func failed(_ message: UInt64) {
    for i in list.indices where list[i].message == message { list[i].failures += 1 }
  }

  mutating func name(_ named: Named) {
    for i in 0..<named.count where !list.contains(where: { $0.message == named.messages[i] }) {
      if list.count < Self.most {
        list.append(Message(message: named.messages[i], failures: UInt64(named.everFailuresOf[i])))
      } else if lastDropped != named.messages[i] {
        lastDropped = named.messages[i]
        dropped += 1
      }
    }
  }

  package static let most = 64
}
