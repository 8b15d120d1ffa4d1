import AdminAPI
import HTTPTypes
import Testing

@testable import Admin
@testable import Pipeline

/// Commands as values: a head and a body in, an answer out, the fake engine asked or not.
@Suite struct CommandRoutesTests {
  static let note = #"{"reason":"DLQ fills","author":"ann@host"}"#
  static let orders = "/v1/breakers/rabbitmq%3A%252F%3Aorders"

  private func ask(
    _ method: HTTPRequest.Method, _ path: String, _ sink: FakeSink, _ body: String? = nil,
    fields: HTTPFields = [:], policy: AccessPolicy = AccessPolicy(reach: .unixSocket), host: String? = "localhost"
  ) async -> Answer {
    let body = body ?? Self.note
    var request = HTTPRequest(method: method, scheme: "http", authority: host, path: path)
    request.headerFields = fields
    if fields[.contentType] == nil { request.headerFields[.contentType] = "application/json" }
    if fields[.contentLength] == nil { request.headerFields[.contentLength] = "\(body.utf8.count)" }
    if fields[.contentType] == "" { request.headerFields[.contentType] = nil }
    if fields[.contentLength] == "" { request.headerFields[.contentLength] = nil }
    let routes = AdminRoutes(source: sink, commands: sink, version: "1", policy: policy)
    switch routes.begin(request) {
    case .answer(let answer): return answer
    case .body(let pending):
      do throws(Problem) {
        return await routes.carryOut(try routes.order(pending, body: Array(body.utf8)))
      } catch {
        return Answer(error.at(pending.path))
      }
    }
  }

  private func answer(_ answer: Answer) throws -> CommandAnswer {
    #expect(answer.status == .ok, "\(String(decoding: answer.body, as: UTF8.self))")
    return try JSON.decode(CommandAnswer.self, from: answer.body)
  }

  private func problem(_ answer: Answer) throws -> Problem {
    #expect(answer.fields[.contentType] == "application/problem+json")
    let problem = try JSON.decode(Problem.self, from: answer.body)
    #expect(problem.status == answer.status.code)
    return problem
  }

  @Test func `each command reaches the engine as what it says`() async throws {
    let commands: [(HTTPRequest.Method, String, String, BreakerCommand)] = [
      (.post, "/trip", #"{"limit_s":90,"reason":"DLQ fills","author":"ann@host"}"#, .trip(for_ns: 90_000_000_000)),
      (.post, "/trip", Self.note, .trip()), (.post, "/reset", Self.note, .reset),
      (
        .put, "/override", #"{"state":"forced_open","limit_s":900,"reason":"DLQ fills","author":"ann@host"}"#,
        .forceOpen(for_ns: 900_000_000_000)
      ),
      (
        .put, "/override", #"{"state":"forced_open","reason":"DLQ fills","author":"ann@host"}"#,
        .forceOpen(for_ns: nil)
      ),
      (
        .put, "/override", #"{"state":"forced_closed","limit_s":0.5,"reason":"DLQ fills","author":"ann@host"}"#,
        .forceClosed(for_ns: 500_000_000)
      ),
      (.delete, "/override", Self.note, .clearOverride),
    ]
    for (method, action, body, command) in commands {
      let sink = FakeSink()
      #expect(await ask(method, Self.orders + action, sink, body).status == .ok)
      #expect(
        sink.calls == [
          FakeSink.Call(
            command: command, note: OperatorNote(author: "ann@host", reason: "DLQ fills"),
            name: BreakerName(key: "rabbitmq:%2F:orders", cluster: "rabbit@one", target: "pid:42"), ifRevision: nil)
        ])
    }
  }

  @Test func `the answer says what changed, whether traffic is held and whether it is on disk`() async throws {
    let sink = FakeSink()
    let raw = await ask(.post, Self.orders + "/trip", sink)
    let text = String(decoding: raw.body, as: UTF8.self)
    for part in [
      #""schema":"stormfuse.command/1""#, #""command":"trip""#, #""changed":true"#, #""held":true"#, #""why":null"#,
      #""saved":true"#, #""saved_why":null"#, #""breaker":{"at":"#, #""schema":"stormfuse.breaker/1""#,
    ] { #expect(text.contains(part), "\(part)") }
    #expect(raw.fields[.eTag] == "\"1\"")
    let tripped = try answer(raw)
    #expect(tripped.breaker.group.breaker.state == .open && tripped.breaker.group.href == Self.orders)
    #expect(tripped.until == tripped.breaker.group.breaker.until && tripped.until != nil)
    #expect(
      tripped.breaker.notes?.first
        == BreakerNote(name: "then", text: "half-open: 5 acks in a row close it, a failure opens it again"))
    let shorter = #"{"limit_s":1,"reason":"DLQ fills","author":"ann@host"}"#
    let again = try answer(await ask(.post, Self.orders + "/trip", sink, shorter))
    #expect(!again.changed && again.held && again.unchanged_why == "it is open already, and for longer" && !again.saved)
    #expect(again.breaker.group.breaker.revision == 1)
  }

  @Test func `what is not held says why, what no directory keeps says so`() async throws {
    let answer = try answer(
      await ask(.post, Self.orders + "/trip", FakeSink(saved: .notConfigured, holds: false)))
    #expect(answer.changed && !answer.held && answer.why == .observing)
    #expect(!answer.saved && answer.saved_why?.contains("no state directory") == true)
  }

  @Test func `a state directory that can't be written is 507 with what is in force`() async throws {
    let sink = FakeSink(saved: .failed(why: "no space left on device"))
    let problem = try problem(await ask(.post, Self.orders + "/trip", sink))
    #expect(problem.status == 507 && problem.detail.contains("in force") && problem.detail.contains("no space left"))
    #expect(problem.in_force?.changed == true && problem.in_force?.saved == false && problem.in_force?.held == true)
    #expect(sink.groups[0].breaker.state == .open)
  }

  @Test func `a revision that has moved on is 412 with the one of now`() async throws {
    let sink = FakeSink()
    let first = await ask(.post, Self.orders + "/trip", sink, fields: [.ifMatch: "\"0\""])
    #expect(first.status == .ok)
    let stale = await ask(.post, Self.orders + "/reset", sink, fields: [.ifMatch: "\"0\""])
    #expect(try problem(stale).revision == 1 && stale.status.code == 412 && stale.fields[.eTag] == "\"1\"")
    #expect(sink.groups[0].breaker.state == .open)
    #expect(sink.calls.map(\.ifRevision) == [0, 0])
    #expect(await ask(.post, Self.orders + "/reset", sink, fields: [.ifMatch: "*"]).status == .ok)
  }

  @Test(arguments: ["1", "\"\"", "W/\"1\"", "\"1\", \"2\"", "\"x\"", "\"-1\"", "\"18446744073709551616\"", "\""])
  func `an If-Match that names no revision is refused`(header: String) async throws {
    let sink = FakeSink()
    let answer = await ask(.post, Self.orders + "/trip", sink, fields: [.ifMatch: header])
    #expect(try problem(answer).status == 400 && sink.calls.isEmpty)
  }

  @Test func `reading a breaker gives the revision that a change may name`() async throws {
    let sink = FakeSink()
    _ = await ask(.post, Self.orders + "/trip", sink)
    #expect(await ask(.get, Self.orders, sink, "").fields[.eTag] == "\"1\"")
  }

  @Test func `an unknown key is 404 with the nearest, and no new breaker`() async throws {
    let sink = FakeSink()
    for path in ["/trip", "/reset"] {
      let problem = try problem(await ask(.post, "/v1/breakers/rabbitmq%3A%252F%3Aorder" + path, sink))
      #expect(problem.status == 404 && problem.nearest == ["rabbitmq:%2F:orders"])
    }
    let body = #"{"state":"forced_open","reason":"r","author":"a"}"#
    #expect(await ask(.put, "/v1/breakers/new/override", sink, body).status == .notFound)
    #expect(await ask(.delete, "/v1/breakers/new/override", sink).status == .notFound)
    #expect(sink.calls.isEmpty && sink.groups.count == 1)
  }

  @Test func `an ambiguous key is 409, the cluster or target decides`() async throws {
    let sink = FakeSink([
      Sample.group("b", cluster: "one"), Sample.group("b", cluster: "two", target: "x y"),
      Sample.group("b", cluster: "two", target: "z"),
    ])
    #expect(try problem(await ask(.post, "/v1/breakers/b/trip", sink)).candidates?.count == 3)
    #expect(await ask(.post, "/v1/breakers/b%40one/trip", sink).status == .ok)
    #expect(await ask(.post, "/v1/breakers/b%40two/trip?target=x%20y", sink).status == .ok)
    #expect(sink.calls.map(\.name.target) == ["pid:42", "x y"])
  }

  @Test func `any key goes there and back`() async throws {
    let names = [
      "/", "%", "%2F", "a b", "@", "a@b", "?", "#", "é", "🐇", "\u{1}\n", "..", ".", "trip", "\"", "\\", "+&=",
    ]
    for name in names {
      let key = "rabbitmq:\(PercentEncoding.encode(name)):\(PercentEncoding.encode(name))"
      let sink = FakeSink([Sample.group(key, target: "cgroup:/\(name)"), Sample.group("other")])
      for path in [BreakerReference(key: key).href + "/trip"] {
        let answer = try answer(await ask(.post, path, sink))
        #expect(answer.breaker.group.key == key)
        #expect(sink.calls.last?.name == BreakerName(key: key, cluster: "rabbit@one", target: "cgroup:/\(name)"))
      }
      let target = PercentEncoding.encode("cgroup:/\(name)")
      #expect(await ask(.post, BreakerReference(key: key).href + "/reset?target=\(target)", sink).status == .ok)
    }
  }

  @Test(arguments: [
    "text/plain", "text/plain;charset=utf-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "",
    "application/jsonp", "application/json; charset=utf-16", "text/plain, application/json",
  ])
  func `only JSON is read`(type: String) async throws {
    let sink = FakeSink()
    let routes: [(HTTPRequest.Method, String)] = [
      (.post, "/trip"), (.post, "/reset"), (.put, "/override"), (.delete, "/override"),
    ]
    for (method, action) in routes {
      let answer = await ask(method, Self.orders + action, sink, fields: [.contentType: type])
      #expect(try problem(answer).status == 415)
    }
    #expect(sink.calls.isEmpty)
    #expect(
      await ask(.post, Self.orders + "/trip", sink, fields: [.contentType: "Application/JSON; charset=UTF-8"]).status
        == .ok)
  }

  @Test func `a body without or past its announced length is refused by its head`() async throws {
    let sink = FakeSink()
    for (length, status) in [("", 411), ("-1", 411), ("x", 411), ("16385", 413), ("99999999999999999999", 411)] {
      let answer = await ask(.post, Self.orders + "/trip", sink, fields: [.contentLength: length])
      #expect(try problem(answer).status == status, "\(length)")
    }
    #expect(sink.calls.isEmpty)
  }

  @Test(arguments: [
    ("/trip", "POST"), ("/reset", "POST"), ("/override", "PUT, DELETE"), ("", "GET, HEAD"),
  ])
  func `other methods are 405 with what is allowed`(action: String, allow: String) async throws {
    let sink = FakeSink()
    for method in [HTTPRequest.Method.get, .head, .post, .put, .delete, .options, .patch, .trace, .connect]
    where !allow.split(separator: ", ").contains(Substring(method.rawValue)) {
      let answer = await ask(method, Self.orders + action, sink)
      #expect(try problem(answer).status == 405 && answer.fields[.allow] == allow, "\(method)")
    }
    #expect(sink.calls.isEmpty)
  }

  @Test func `an engine that takes no commands is 503 with when to ask again`() async throws {
    let sink = FakeSink(fixed: .unavailable(why: "too many commands wait"))
    let answer = await ask(.post, Self.orders + "/trip", sink)
    #expect(try problem(answer).detail == "too many commands wait")
    #expect(answer.status.code == 503 && answer.fields[.retryAfter] == "1")
    let gone = await ask(.post, Self.orders + "/trip", FakeSink(fixed: .unknown))
    #expect(try problem(gone).status == 404)
  }

  @Test func `an override in force stands in the way of trip and reset, which say so`() async throws {
    let sink = FakeSink()
    let body = #"{"state":"forced_closed","reason":"r","author":"a"}"#
    #expect(try answer(await ask(.put, Self.orders + "/override", sink, body)).changed)
    let trip = try answer(await ask(.post, Self.orders + "/trip", sink))
    #expect(!trip.changed && trip.unchanged_why?.contains("clear it first") == true)
    #expect(try answer(await ask(.delete, Self.orders + "/override", sink)).changed)
    #expect(sink.groups[0].breaker.state == .closed)
    #expect(try !answer(await ask(.delete, Self.orders + "/override", sink)).changed)
  }

  @Test func `commands are counted by what became of them`() async throws {
    let sink = FakeSink()
    let counting = CountingSink(sink)
    let note = OperatorNote(author: "a", reason: "r")
    let name = BreakerName(key: "rabbitmq:%2F:orders", cluster: "rabbit@one", target: "pid:42")
    for command in [BreakerCommand.trip(), .trip(for_ns: 0), .reset] {
      _ = await counting.carryOut(command, note: note, on: name, ifRevision: nil)
    }
    _ = await counting.carryOut(.trip(), note: note, on: name, ifRevision: 9)
    let input = MetricsInput(
      targets: [.init(name: "pid:42", report: sink.report())], families: [counting.family])
    let text = String(decoding: Metrics.text(input, version: "1"), as: UTF8.self)
    for line in [
      "# TYPE stormfuse_commands_total counter", #"stormfuse_commands_total{command="trip",result="done"} 1"#,
      #"stormfuse_commands_total{command="trip",result="unchanged"} 1"#,
      #"stormfuse_commands_total{command="trip",result="stale"} 1"#,
      #"stormfuse_commands_total{command="reset",result="done"} 1"#,
    ] { #expect(text.contains(line + "\n"), "\(line)") }
  }
}
