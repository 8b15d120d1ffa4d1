internal import AdminAPI
internal import HTTPTypes
internal import Pipeline

/// From a request's head to an answer, or to a command that then needs its body: no I/O, so that all of it can be tested
/// as values. `AdminRoutes+commands` goes on from there.
struct AdminRoutes: Sendable {
  let source: any ReportSource
  /// Nil where nothing takes commands.
  let commands: (any CommandSink)?
  let version: String
  let policy: AccessPolicy

  enum Step: Sendable {
    case answer(Answer)
    /// Collect the body, at most `CommandBody.most_bytes`, and go on with `order`.
    case body(Pending)
  }

  /// A command that is permitted, for a breaker that exists; its body is still to come.
  struct Pending: Sendable {
    var path: String
    var name: CommandAnswer.Name
    var breaker: BreakerName
    var href: String
    var ifRevision: UInt64?
    /// Of the body, as announced.
    var length_bytes: Int
  }

  func begin(_ request: HTTPRequest) -> Step {
    let target = request.path ?? ""
    let path = String(target.prefix { $0 != "?" })
    var allow: [HTTPRequest.Method] = [.get, .head]
    do {
      try policy.checkSource(request)
      let route = try route(target, request)
      allow = route.methods
      guard allow.contains(request.method) else {
        throw Problem(
          kind: .methodNotAllowed, detail: "\(request.method.rawValue) is not possible here",
          hint: "use \(allow.map(\.rawValue).joined(separator: " or "))")
      }
      switch route {
      case .trip(let reference): return .body(try pending(.trip, reference, request, path))
      case .reset(let reference): return .body(try pending(.reset, reference, request, path))
      case .override(let reference):
        return .body(try pending(request.method == .put ? .override : .clearOverride, reference, request, path))
      default: return .answer(try read(route, request))
      }
    } catch let problem as Problem {
      return .answer(Answer(problem.at(path), allow: allow))
    } catch {
      return .answer(
        Answer(Problem(kind: .failed, detail: "the answer could not be written: \(error)", instance: path)))
    }
  }

  /// Who has no token learns of no path either.
  private func route(_ target: String, _ request: HTTPRequest) throws(Problem) -> Route {
    let route: Route
    do throws(Problem) {
      route = try Route(target)
    } catch {
      try policy.checkRead(request, isOpen: false)
      throw error
    }
    try policy.checkRead(request, isOpen: route.isOpen)
    if policy.reach == .metricsOnly, !route.isOpen {
      throw Problem(
        kind: .noSuchPath, detail: "this address serves only /metrics, /healthz and /readyz",
        hint: "the rest is on the address of --admin")
    }
    return route
  }

  private func read(_ route: Route, _ request: HTTPRequest) throws -> Answer {
    try checkAccept(request, route)
    switch route {
    case .page: return Answer(.ok, "text/html; charset=utf-8", Array(Page.html.utf8))
    case .health: return try Answer(json: Health(version: version))
    case .readiness:
      let readiness = source.readiness()
      return try Answer(readiness.ready ? .ok : .serviceUnavailable, json: readiness)
    case .metrics: return Answer(.ok, Metrics.mediaType, Metrics.text(source.metrics(), version: version))
    case .report(let target): return try Answer(json: try report(of: target))
    case .breakers:
      return try Answer(
        json: BreakerList(source.report(), readiness: source.readiness(), exports: source.metrics().exports))
    case .breaker(let reference), .trip(let reference), .reset(let reference), .override(let reference):
      let report = source.report()
      let (group, href) = try find(reference, report)
      var answer = try Answer(json: BreakerDetail(group, href: href, at: report.to))
      answer.fields[.eTag] = Answer.entityTag(group.breaker.revision)
      return answer
    }
  }

  private func report(of target: String?) throws(Problem) -> Report {
    let whole = source.report()
    guard let target else { return whole.addressed() }
    let targets = source.metrics().targets
    if let one = targets.first(where: { $0.name == target }) { return one.report.addressed(among: whole.groups) }
    throw Problem(
      kind: .noSuchTarget, detail: "there is no target \"\(target)\"",
      hint: "name one as the groups in GET /v1/report bear it",
      nearest: targets.map(\.name).prefix(Self.mostNames).sorted())
  }

  /// The one group that a reference names, and its shortest href.
  func find(_ reference: BreakerReference, _ report: Report) throws(Problem) -> (Report.Group, href: String) {
    let groups = report.groups
    switch reference.resolve(in: groups) {
    case .one(let index): return (groups[index], BreakerReference.shortest(for: groups)[index].href)
    case .several(let indices):
      let shortest = BreakerReference.shortest(for: groups)
      throw Problem(
        kind: .ambiguous, detail: "\"\(reference.name)\" names \(indices.count) breakers",
        hint: "name the cluster as key@cluster, and ?target= where one cluster has several",
        nearest: indices.prefix(Self.mostNames).map { shortest[$0].label },
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

  func checkAccept(_ request: HTTPRequest, _ route: Route) throws(Problem) {
    guard accepts(request.headerFields[.accept], route.mediaType) else {
      throw Problem(
        kind: .notAcceptable, detail: "this path gives \(route.mediaType)", hint: "ask for that, or for */*")
    }
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

extension Problem {
  func at(_ path: String) -> Problem {
    var problem = self
    problem.instance = path
    return problem
  }
}
