package import Pipeline

/// What event log, webhook and later exports carry: names and numbers, never a message's body or a credential.
package protocol ExportedEvent: Encodable, Sendable {
  var head: EventHead { get }
}

/// What every event says of the group that it is about.
package struct EventHead: Codable, Equatable, Sendable {
  package var schema: String
  /// The same for the same event whenever it is sent, different for every other: time, what happened, and a hash of
  /// cluster, target and key.
  package var id: String
  package var key: String
  package var href: String
  package var cluster: String
  package var system: String
  package var group: String
  package var target: String
  /// Who answers for the group, from the configuration.
  @NullEncoded package var owner: String?
  @NullEncoded package var runbook: String?
  package var mode: String

  init(
    schema: String, group: Report.Group, at: Timestamp, what: String, owner: String?, runbook: String?
  ) {
    self.schema = schema
    id = Self.identifier(of: [group.cluster, group.target, group.key], at: at, what)
    key = group.key
    href = BreakerReference(key: group.key).href
    cluster = group.cluster
    system = group.system
    self.group = group.group
    target = group.target
    self.owner = owner
    self.runbook = runbook
    mode = group.mode
  }

  /// Of what concerns no group.
  init(schema: String, target: String, at: Timestamp, what: String) {
    self.schema = schema
    id = Self.identifier(of: ["", target, ""], at: at, what)
    key = ""
    href = "/readyz"
    cluster = ""
    system = ""
    group = ""
    self.target = target
    _owner = NullEncoded(wrappedValue: nil)
    _runbook = NullEncoded(wrappedValue: nil)
    mode = ""
  }

  /// FNV-1a, 64 bits: short, and stable from run to run, which Swift's own hash is not.
  private static func identifier(of parts: [String], at: Timestamp, _ what: String) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for part in parts {
      for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      hash = (hash ^ 0xff) &* 0x100_0000_01b3  // a byte that UTF-8 never has, so that parts can't run together
    }
    let digits = String(hash, radix: 16)
    let padded = String(repeating: "0", count: 16 - digits.count) + digits
    return "\(at.ns)-\(what)-\(padded)"
  }
}

/// One event: whom it is about, and what happened, in JSON one flat object. Both parts' fields are the event's own.
@dynamicMemberLookup
package struct GroupEvent<Content: Codable & Equatable & Sendable>: ExportedEvent, Codable, Equatable {
  package var head: EventHead
  package var content: Content

  init(_ head: EventHead, _ content: Content) {
    self.head = head
    self.content = content
  }

  package init(from decoder: any Decoder) throws {
    head = try EventHead(from: decoder)
    content = try Content(from: decoder)
  }

  package func encode(to encoder: any Encoder) throws {
    try head.encode(to: encoder)
    try content.encode(to: encoder)
  }

  package subscript<Value>(dynamicMember field: WritableKeyPath<EventHead, Value>) -> Value {
    get { head[keyPath: field] }
    set { head[keyPath: field] = newValue }
  }

  package subscript<Value>(dynamicMember field: WritableKeyPath<Content, Value>) -> Value {
    get { content[keyPath: field] }
    set { content[keyPath: field] = newValue }
  }
}
