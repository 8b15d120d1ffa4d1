internal import AdminAPI
internal import HTTPTypes
internal import Pipeline

/// From a request's head to an answer: no I/O, so that all of it can be tested as values.
struct AdminRoutes: Sendable {
  let source: any ReportSource
  let version: String
  /// On TCP a browser can be made to send requests here under a name of somebody else's (DNS rebinding): only loopback's
  /// own names are answered. A Unix socket is out of a browser's reach.
  let checksHost: Bool

  func answer(_ request: HTTPRequest) -> Answer {
    let target = request.path ?? ""
    let path = String(target.prefix { $0 != "?" })
    do {
      return try answer(request, path, query: target.dropFirst(path.count + 1))
    } catch let problem as Problem {
      var problem = problem
      problem.instance = path
      return Answer(problem)
    } catch {
      return Answer(Problem(kind: .failed, detail: "the answer could not be written: \(error)", instance: path))
    }
  }

  private func answer(_ request: HTTPRequest, _ path: String, query: Substring) throws -> Answer {
    if checksHost, !isOwnHost(request.authority) {
      throw Problem(
        kind: .wrongHost, detail: "this API answers only to localhost, 127.0.0.1 and [::1]",
        hint: "use one of them in the address")
    }
    let route = try route(path, query)
    guard request.method == .get || request.method == .head else {
      throw Problem(
        kind: .methodNotAllowed, detail: "\(request.method.rawValue) is not possible here", hint: "use GET or HEAD")
    }
    guard accepts(request.headerFields[.accept], route.mediaType) else {
      throw Problem(
        kind: .notAcceptable, detail: "this path gives \(route.mediaType)", hint: "ask for that, or for */*")
    }
    switch route {
    case .page: return Answer(.ok, "text/html; charset=utf-8", Array(Page.html.utf8))
    case .health: return try Answer(json: Health(version: version))
    case .readiness:
      let readiness = source.readiness()
      return try Answer(readiness.ready ? .ok : .serviceUnavailable, json: readiness)
    case .metrics: return Answer(.ok, Metrics.mediaType, Metrics.text(source.metrics(), version: version))
    case .report: return try Answer(json: source.report())
    case .breakers: return try Answer(json: BreakerList(source.report()))
    case .breaker(let reference): return try Answer(json: detail(reference, source.report()))
    }
  }

  private enum Route {
    case page, health, readiness, metrics, report, breakers
    case breaker(BreakerReference)

    var mediaType: String {
      switch self {
      case .page: "text/html"
      case .metrics: "text/plain"
      default: "application/json"
      }
    }
  }

  private func route(_ path: String, _ query: Substring) throws -> Route {
    switch path {
    case "/": return .page
    case "/healthz": return .health
    case "/readyz": return .readiness
    case "/metrics": return .metrics
    case "/v1/report": return .report
    case "/v1/breakers": return .breakers
    default: break
    }
    let rest = path.hasPrefix(BreakerReference.path) ? path.dropFirst(BreakerReference.path.count) : ""
    guard !rest.isEmpty, !rest.contains("/") else {
      throw Problem(
        kind: .noSuchPath, detail: "there is nothing at this path",
        hint: "paths are / /healthz /readyz /metrics /v1/report /v1/breakers /v1/breakers/{key}; a key is "
          + "percent-encoded once more in a path")
    }
    let targets = query.split(separator: "&").filter { $0.hasPrefix("target=") }.map { $0.dropFirst("target=".count) }
    guard let name = PercentEncoding.decode(rest), targets.count < 2,
      let target = targets.isEmpty ? .some(nil) : PercentEncoding.decode(targets[0]).map(Optional.some)
    else {
      throw Problem(
        kind: .badRequest, detail: "the path is not percent-encoded UTF-8",
        hint: "encode the key, % included: rabbitmq:%2F:orders becomes rabbitmq%3A%252F%3Aorders")
    }
    return .breaker(BreakerReference(name, target: target))
  }

  private func detail(_ reference: BreakerReference, _ report: Report) throws -> BreakerDetail {
    let groups = report.groups
    switch reference.resolve(in: groups) {
    case .one(let index):
      let href = BreakerReference.shortest(for: groups)[index].href
      return BreakerDetail(groups[index], href: href, at: report.to)
    case .several(let indices):
      let shortest = BreakerReference.shortest(for: groups)
      throw Problem(
        kind: .ambiguous, detail: "\"\(reference.name)\" names \(indices.count) breakers",
        hint: "name the cluster as key@cluster, and ?target= where one cluster has several",
        nearest: indices.prefix(Self.mostNames).map { shortest[$0].name },
        candidates: indices.prefix(Self.mostNames).map { shortest[$0].href })
    case .none:
      let nearest = NearestNames.of(reference.key, among: Set(groups.map(\.key)))
      let candidates = nearest.map { BreakerReference(key: $0).href }
      throw Problem(
        kind: .noSuchBreaker, detail: missing(reference, groups),
        hint: groups.isEmpty ? "no group has been seen yet" : "GET /v1/breakers lists all \(groups.count)",
        nearest: nearest, candidates: candidates)
    }
  }

  private func missing(_ reference: BreakerReference, _ groups: [Report.Group]) -> String {
    let same = groups.filter { $0.key == reference.key }
    guard !same.isEmpty else { return "there is no breaker \"\(reference.key)\"" }
    let clusters = Set(same.map(\.cluster)).sorted().prefix(Self.mostNames).joined(separator: ", ")
    let targets = Set(same.map(\.target)).sorted().prefix(Self.mostNames).joined(separator: ", ")
    return "there is no breaker \"\(reference.name)\"\(reference.target.map { " of target \"\($0)\"" } ?? ""); "
      + "the key exists in cluster \(clusters), target \(targets)"
  }

  private func isOwnHost(_ authority: String?) -> Bool {
    guard let authority else { return false }
    var host = Substring(authority)
    // After the name, a colon and a number; an IPv6 address stands in brackets.
    if let colon = host.lastIndex(of: ":"), host.last != "]" {
      guard UInt16(host[host.index(after: colon)...]) != nil else { return false }
      host = host[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      return host == "[::1]"
    }
    return !host.contains(":") && Listen.isLoopback(host)
  }

  /// Whether an Accept header (RFC 9110 section 12.5.1) allows a media type. No header allows everything; weights other
  /// than 0 don't matter where there is one representation.
  private func accepts(_ header: String?, _ mediaType: String) -> Bool {
    guard let header, !header.allSatisfy({ $0 == " " }) else { return true }
    let family = mediaType.prefix { $0 != "/" } + "/*"
    return header.split(separator: ",").contains { range in
      let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
      guard let name = parts.first, ["*/*", String(family), mediaType].contains(name) else { return false }
      return !parts.dropFirst().contains { ["q=0", "q=0.0", "q=0.00", "q=0.000"].contains($0) }
    }
  }

  /// Names in one answer.
  private static let mostNames = 20
}

/// What goes back: status, fields and body.
struct Answer: Sendable {
  var status: HTTPResponse.Status
  var fields: HTTPFields
  var body: [UInt8]

  init(_ status: HTTPResponse.Status, _ mediaType: String, _ body: [UInt8]) {
    self.status = status
    self.body = body
    fields = [
      .contentType: mediaType, .contentLength: "\(body.count)", .cacheControl: "no-store",
      .xContentTypeOptions: "nosniff",
    ]
  }

  init(_ status: HTTPResponse.Status = .ok, json value: some Encodable) throws {
    self.init(status, "application/json", try JSON.encode(value))
  }

  init(_ problem: Problem) {
    let body = (try? JSON.encode(problem)) ?? Array(#"{"title":"The sidecar failed to answer"}"#.utf8)
    self.init(HTTPResponse.Status(code: problem.status), Problem.mediaType, body)
    if problem.status == 405 { fields[.allow] = "GET, HEAD" }
  }
}
