/// Answer of `GET /healthz`: the process answers at all.
package struct Health: Codable, Equatable, Sendable {
  package var schema = Health.schema
  package var status = "ok"
  package var version: String
  package static let schema = "stormfuse.health/1"
  package init(version: String) { self.version = version }
}

/// Answer of `GET /readyz`, 200 when ready and 503 when not: whether the sidecar sees what it was pointed at.
package struct Readiness: Codable, Equatable, Sendable {
  package var schema = Readiness.schema
  package var ready: Bool
  package var checks: [Check]
  package static let schema = "stormfuse.readiness/1"

  /// Ready when every check is.
  package init(checks: [Check]) {
    self.checks = checks
    self.ready = checks.allSatisfy(\.ok)
  }

  package struct Check: Codable, Equatable, Sendable {
    /// `engine`, `capture`, `configuration`, ….
    package var name: String
    package var ok: Bool
    /// What holds, and when it doesn't, what to do.
    package var detail: String
    package init(name: String, ok: Bool, detail: String) {
      self.name = name
      self.ok = ok
      self.detail = detail
    }
  }
}
