internal import AdminAPI
internal import HTTPTypes
internal import Pipeline

/// Commands: head → `Pending` → body → `Order` → sink → outcome → answer.
extension AdminRoutes {
  /// What the sink is asked.
  struct Order: Sendable {
    var pending: Pending
    var command: BreakerCommand
    var note: OperatorNote
  }

  /// Everything that can be refused before the body is there.
  func pending(
    _ name: CommandAnswer.Name, _ reference: BreakerReference, _ request: HTTPRequest, _ path: String
  ) throws(Problem) -> Pending {
    try policy.checkChange(request)
    try checkContentType(request)
    try checkAccept(request, .trip(reference))
    let length_bytes = try length(request)
    let ifRevision = try ifRevision(request)
    let (group, href) = try find(reference, source.report())
    return Pending(
      path: path, name: name,
      breaker: BreakerName(key: group.key, cluster: group.cluster, target: group.target), href: href,
      ifRevision: ifRevision, length_bytes: length_bytes)
  }

  func order(_ pending: Pending, body bytes: [UInt8]) throws(Problem) -> Order {
    let body = try CommandBody.read(bytes, of: pending.name)
    let limit_ns = body.limit_s.map { Int64(($0 * 1e9).rounded(.up)) }
    let command: BreakerCommand =
      switch (pending.name, body.state) {
      case (.trip, _): .trip(for_ns: limit_ns)
      case (.reset, _): .reset
      case (.override, .forcedClosed): .forceClosed(for_ns: limit_ns)
      case (.override, _): .forceOpen(for_ns: limit_ns)
      case (.clearOverride, _): .clearOverride
      }
    return Order(pending: pending, command: command, note: OperatorNote(author: body.author, reason: body.reason))
  }

  /// Asks the sink and puts its outcome into words.
  func carryOut(_ order: Order) async -> Answer {
    do throws(Problem) {
      guard let commands else {
        throw Problem(kind: .unavailable, detail: "this stormfuse takes no commands")
      }
      let outcome = await commands.carryOut(
        order.command, note: order.note, on: order.pending.breaker, ifRevision: order.pending.ifRevision)
      let answer = try answer(outcome, to: order.pending)
      do {
        var written = try Answer(json: answer)
        written.fields[.eTag] = Answer.entityTag(answer.breaker.group.breaker.revision)
        return written
      } catch {
        throw Problem(kind: .failed, detail: "it was carried out, but the answer could not be written: \(error)")
      }
    } catch {
      return Answer(error.at(order.pending.path))
    }
  }

  func answer(_ outcome: CommandOutcome, to pending: Pending) throws(Problem) -> CommandAnswer {
    func words(_ group: Report.Group, unchanged: String?, unsaved: String?) -> CommandAnswer {
      CommandAnswer(
        command: pending.name, breaker: BreakerDetail(group, href: pending.href, at: source.report().to),
        unchanged: unchanged, unsaved: unsaved)
    }
    switch outcome {
    case .done(let group, .yes): return words(group, unchanged: nil, unsaved: nil)
    case .done(let group, .notConfigured):
      return words(group, unchanged: nil, unsaved: "no state directory is configured: it ends with the process")
    case .done(let group, .failed(let why)):
      throw Problem(
        kind: .notSaved, detail: "it is in force, but could not be written to the state directory: \(why)",
        hint: "it ends with the process; make room or repair the directory, then ask again",
        in_force: words(group, unchanged: nil, unsaved: why))
    case .unchanged(let group, let why):
      return words(group, unchanged: why, unsaved: "nothing changed, so nothing was written")
    case .stale(let revision):
      throw Problem(
        kind: .stale, detail: "the breaker is at revision \(revision), not \(pending.ifRevision.map { "\($0)" } ?? "")",
        hint: "look at it again, then ask with If-Match: \(Answer.entityTag(revision))", revision: revision)
    case .unknown:
      throw Problem(
        kind: .noSuchBreaker, detail: "the breaker \"\(pending.breaker.key)\" has gone meanwhile",
        hint: "GET /v1/breakers lists all that there are")
    case .unavailable(let why):
      throw Problem(kind: .unavailable, detail: why, hint: "nothing was changed")
    }
  }

  func tooLarge(_ pending: Pending) -> Answer { Answer(Self.tooLarge.at(pending.path)) }

  private static var tooLarge: Problem {
    Problem(kind: .tooLarge, detail: "the body is larger than \(CommandBody.most_bytes) bytes", hint: "shorten it")
  }

  /// Only JSON: a page of another site can send form and text bodies without asking first, but never this one.
  private func checkContentType(_ request: HTTPRequest) throws(Problem) {
    let header = request.headerFields[.contentType] ?? ""
    let parts = header.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
    let isUTF8 = parts.dropFirst().allSatisfy { ["charset=utf-8", "charset=\"utf-8\""].contains($0) }
    guard parts.first == CommandBody.mediaType, isUTF8 else {
      throw Problem(
        kind: .unsupportedMediaType,
        detail: header.isEmpty ? "the request names no Content-Type" : "bodies of this type are not read",
        hint: "send JSON with Content-Type: \(CommandBody.mediaType)")
    }
  }

  /// The announced length, by which a body that was cut off is told from a whole one.
  private func length(_ request: HTTPRequest) throws(Problem) -> Int {
    guard let header = request.headerFields[.contentLength], let length = Int(header), length >= 0 else {
      throw Problem(
        kind: .lengthRequired, detail: "the request does not say how long its body is",
        hint: "send Content-Length, not a chunked body")
    }
    guard length <= CommandBody.most_bytes else { throw Self.tooLarge }
    return length
  }

  /// One revision in quotes, as the ETag has it; `*` is any, as is no header.
  private func ifRevision(_ request: HTTPRequest) throws(Problem) -> UInt64? {
    guard let header = request.headerFields[.ifMatch], header != "*" else { return nil }
    let inner = header.dropFirst().dropLast()
    guard header.utf8.count > 2, header.hasPrefix("\""), header.hasSuffix("\""),
      inner.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let revision = UInt64(inner)
    else {
      throw Problem(
        kind: .badRequest, detail: "If-Match is not one revision in quotes",
        hint: "send it as the ETag of GET \(BreakerReference.path){key} has it: \"7\"")
    }
    return revision
  }
}
