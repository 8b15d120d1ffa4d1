/// The messaging system, named as OpenTelemetry's `messaging.system` names it. Each protocol's folder adds its own.
package struct MessagingSystem: RawRepresentable, Hashable, Sendable, Codable {
  package let rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
}

/// Names of consumer groups: the system, then what names the group there, each part percent-encoded outside RFC 3986's
/// unreserved characters, so that any name a broker allows comes back whole and `:` only ever separates.
package enum GroupKey {
  static func key(_ system: MessagingSystem, _ parts: String...) -> String {
    ([system.rawValue] + parts.map(PercentEncoding.encode)).joined(separator: ":")
  }

  /// The absolute path of the group's object in the API; the key is encoded once more, and decoded once by the server.
  package static func href(_ key: String) -> String { "/v1/breakers/\(PercentEncoding.encode(key))" }
}
