/// What event log, webhook and later exports carry: names and numbers, never a message's body or a credential.
package protocol ExportedEvent: Encodable, Sendable {
  /// The same for the same event whenever it is sent, different for every other.
  var id: String { get }
  var key: String { get }
  var cluster: String { get }
  var target: String { get }
}
