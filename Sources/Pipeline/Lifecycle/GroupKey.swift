/// The messaging system, named as OpenTelemetry's `messaging.system` names it.
package enum MessagingSystem: String, Sendable, CaseIterable, Codable {
  case rabbitmq, kafka
}

/// Names of consumer groups: `rabbitmq:<vhost>:<queue>`, `kafka:<group.id>`, each part percent-encoded outside RFC 3986's
/// unreserved characters, so that any name a broker allows comes back whole and `:` only ever separates.
package enum GroupKey {
  package static func rabbitmq(vhost: String, queue: String) -> String {
    "rabbitmq:\(PercentEncoding.encode(vhost)):\(PercentEncoding.encode(queue))"
  }

  package static func kafka(group: String) -> String { "kafka:\(PercentEncoding.encode(group))" }

  /// The absolute path of the group's object in the API; the key is encoded once more, and decoded once by the server.
  package static func href(_ key: String) -> String { "/v1/breakers/\(PercentEncoding.encode(key))" }
}
