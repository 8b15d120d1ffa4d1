internal import AdminAPI
internal import HTTPTypes
internal import Pipeline

/// What a path leads to.
enum Route {
  case page, health, readiness, metrics, breakers
  /// Of one target; nil: of all.
  case report(target: String?)
  case breaker(BreakerReference)
  case trip(BreakerReference)
  case reset(BreakerReference)
  case override(BreakerReference)

  init(_ target: String) throws(Problem) {
    let path = target.prefix { $0 != "?" }
    let query = target.dropFirst(path.count + 1)
    switch path {
    case "/": self = .page
    case "/healthz": self = .health
    case "/readyz": self = .readiness
    case "/metrics": self = .metrics
    case "/v1/report": self = .report(target: try Self.target(query))
    case "/v1/breakers": self = .breakers
    default: self = try Self.breaker(path, query: query)
    }
  }

  private static func breaker(_ path: Substring, query: Substring) throws(Problem) -> Route {
    let rest = path.hasPrefix(BreakerReference.path) ? path.dropFirst(BreakerReference.path.count) : ""
    let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
    let make: (BreakerReference) -> Route
    switch parts.count == 2 ? parts[1] : "" {
    case "trip": make = Route.trip
    case "reset": make = Route.reset
    case "override": make = Route.override
    default: make = Route.breaker
    }
    guard let key = parts.first, !key.isEmpty, parts.count == 1 || parts.count == 2 && isCommand(parts[1]) else {
      throw Problem(
        kind: .noSuchPath, detail: "there is nothing at this path",
        hint: "paths are / /healthz /readyz /metrics /v1/report /v1/breakers /v1/breakers/{key} and under it /trip "
          + "/reset /override; a key is percent-encoded once more in a path")
    }
    guard let name = PercentEncoding.decode(key) else { throw notEncoded }
    return make(BreakerReference(name, target: try target(query)))
  }

  /// The target that a query names; nil if it names none.
  private static func target(_ query: Substring) throws(Problem) -> String? {
    let targets = query.split(separator: "&").filter { $0.hasPrefix("target=") }.map { $0.dropFirst("target=".count) }
    guard let named = targets.first else { return nil }
    guard targets.count == 1, let target = PercentEncoding.decode(named) else { throw notEncoded }
    return target
  }

  private static var notEncoded: Problem {
    Problem(
      kind: .badRequest, detail: "the path is not percent-encoded UTF-8",
      hint: "encode the key, % included: rabbitmq:%2F:orders becomes rabbitmq%3A%252F%3Aorders")
  }

  private static func isCommand(_ name: Substring) -> Bool { ["trip", "reset", "override"].contains(name) }

  var methods: [HTTPRequest.Method] {
    switch self {
    case .trip, .reset: [.post]
    case .override: [.put, .delete]
    default: [.get, .head]
    }
  }

  /// What probes and scrapers need.
  var isOpen: Bool {
    switch self {
    case .health, .readiness, .metrics: true
    default: false
    }
  }

  var mediaType: String {
    switch self {
    case .page: "text/html"
    case .metrics: "text/plain"
    default: "application/json"
    }
  }
}
