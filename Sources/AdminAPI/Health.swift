/// Answer of `GET /healthz`: the process answers at all.
package struct Health: Codable, Equatable, Sendable {
  package var schema = Health.schema
  package var status = "ok"
  package var version: String
  package static let schema = "stormfuse.health/1"
  package init(version: String) { self.version = version }
}

/// Answer of `GET /readyz`, 200 when ready and 503 when not: whether the sidecar sees what it was pointed at. What else is
/// wrong (a full disk) makes it `degraded`, and is no reason to take the application beside it out of service.
package struct Readiness: Codable, Equatable, Sendable {
  package var schema = Readiness.schema
  package var ready: Bool
  package var status: Status
  /// What is wrong, a check after the other: `state: no space left …`; left out where nothing is.
  package var why: String?
  package var checks: [Check]
  package static let schema = "stormfuse.readiness/1"

  package enum Status: String, Codable, Sendable {
    case ready, degraded
    case notReady = "not_ready"
  }

  /// Ready when every check is that is needed for it, degraded when another one is not.
  package init(checks: [Check]) {
    self.checks = checks
    let failed = checks.filter { !$0.ok }
    ready = failed.allSatisfy { $0.only_degrades == true }
    status = failed.isEmpty ? .ready : ready ? .degraded : .notReady
    why = failed.isEmpty ? nil : failed.map { "\($0.name): \($0.detail)" }.joined(separator: "; ")
  }

  package struct Check: Codable, Equatable, Sendable {
    /// `engine`, `capture`, `configuration`, ….
    package var name: String
    package var ok: Bool
    /// What holds, and when it doesn't, what to do.
    package var detail: String
    /// True where a failure leaves the sidecar ready, only degraded; else left out.
    package var only_degrades: Bool?

    package init(name: String, ok: Bool, detail: String, onlyDegrades: Bool = false) {
      self.name = name
      self.ok = ok
      self.detail = detail
      only_degrades = onlyDegrades ? true : nil
    }
  }
}
