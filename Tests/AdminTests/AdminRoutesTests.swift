import AdminAPI
import HTTPTypes
import Pipeline
import Testing

@testable import Admin

@Suite struct AdminRoutesTests {
  private func answer(
    _ path: String, _ method: HTTPRequest.Method = .get, host: String? = "localhost", accept: String? = nil,
    source: Sample.Source = Sample.Source(), tcp: Bool = true
  ) -> Answer {
    var request = HTTPRequest(method: method, scheme: "http", authority: host, path: path)
    request.headerFields[.accept] = accept
    let policy = AccessPolicy(reach: tcp ? .loopback : .unixSocket)
    let routes = AdminRoutes(source: source, commands: nil, version: "1.2.3", policy: policy)
    switch routes.begin(request) {
    case .answer(let answer): return answer
    case .body: return Answer(Problem(kind: .failed, detail: "a body is asked for"))
    }
  }

  private func problem(_ answer: Answer) throws -> Problem {
    #expect(answer.fields[.contentType] == "application/problem+json")
    return try JSON.decode(Problem.self, from: answer.body)
  }

  @Test(arguments: [
    ("/healthz", 200, "application/json", #"{"schema":"stormfuse.health/1","status":"ok","version":"1.2.3"}"#),
    (
      "/readyz", 200, "application/json",
      #"{"checks":[{"detail":"attached","name":"capture","ok":true}],"ready":true,"schema":"stormfuse.readiness/1","#
        + #""status":"ready"}"#
    ),
    ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "# HELP stormfuse_build_info"),
    (
      "/v1/report", 200, "application/json",
      #"{"capture":{"bytes":567890,"connections":3,"dropped":{},"losses":{"ring_full":20}"#
    ),
    (
      "/v1/report?target=pid%3A42", 200, "application/json",
      #"{"capture":{"bytes":567890,"connections":3,"dropped":{},"losses":{"ring_full":20}"#
    ),
    (
      "/v1/breakers", 200, "application/json",
      #"{"at":"2026-11-21T00:00:00.000000000Z","breakers":[{"cluster":"rabbit@one""#
    ),
    ("/v1/breakers/rabbitmq%3A%252F%3Aorders", 200, "application/json", #"{"at":"#),
    ("/v1/breakers/rabbitmq:%252F:orders?x=y", 200, "application/json", #"{"at":"#),
    ("/v1/breakers/rabbitmq%3A%252F%3Aorders%40rabbit%40one", 200, "application/json", #"{"at":"#),
    ("/v1/breakers/rabbitmq%3A%252F%3Aorders?target=pid%3A42", 200, "application/json", #"{"at":"#),
    ("/?", 200, "text/html; charset=utf-8", "<!doctype html>"),
  ])
  func `each path gives its representation`(path: String, status: Int, type: String, start: String) {
    let answer = answer(path)
    #expect(answer.status.code == status)
    #expect(answer.fields[.contentType] == type)
    #expect(
      String(decoding: answer.body, as: UTF8.self).hasPrefix(start), "\(String(decoding: answer.body, as: UTF8.self))")
    #expect(answer.fields[.contentLength] == "\(answer.body.count)")
  }

  @Test func `a report of a target that there is not names those that there are`() throws {
    let problem = try problem(answer("/v1/report?target=pid%3A7"))
    #expect(problem.status == 404 && problem.kind == .noSuchTarget && problem.nearest == ["pid:42"])
    #expect(try self.problem(answer("/v1/report?target=%ff")).status == 400)
  }

  /// A verdict is its cell's class.
  @Test func `on the page every kind of trouble has a colour, and only healthy the good one, with closed beside it`() {
    let rules = Page.html.split(separator: "\n")
    func classes(_ colour: String) -> [Substring] {
      rules.filter { $0.contains("color: var(--\(colour))") }.flatMap {
        $0.split(separator: "{")[0].split(separator: ",")
      }
      .map { $0.drop { $0 == " " || $0 == "." }.reversed().drop { $0 == " " }.reversed() }
      .map { Substring($0) }
    }
    #expect(classes("good") == ["healthy", "healthy + .closed"])
    let coloured = classes("warn") + classes("bad") + classes("good")
    for kind in Verdict.Kind.allCases where kind != .insufficient {
      #expect(coloured.contains(Substring(kind.rawValue)), "\(kind)")
    }
  }

  @Test func `not ready is 503 with the reason`() {
    let answer = answer("/readyz", source: Sample.Source(ready: false))
    #expect(answer.status == .serviceUnavailable)
    #expect(String(decoding: answer.body, as: UTF8.self).contains("not attached: run doctor"))
  }

  @Test func `what a full disk keeps from being written degrades, and is no reason to be 503`() throws {
    var source = Sample.Source()
    source.degraded = "events can't be written to /var/e: No space left on device"
    let answer = answer("/readyz", source: source)
    #expect(answer.status == .ok)
    let readiness = try JSON.decode(Readiness.self, from: answer.body)
    #expect(readiness.ready && readiness.status == .degraded)
    #expect(readiness.why == "events: events can't be written to /var/e: No space left on device")
    source.ready = false
    #expect(self.answer("/readyz", source: source).status == .serviceUnavailable)
    #expect(try JSON.decode(Readiness.self, from: self.answer("/readyz", source: source).body).status == .notReady)
  }

  @Test func `the list says what is wrong with the sidecar, and how many events are lost`() throws {
    var source = Sample.Source()
    source.degraded = "events can't be written to /var/e: No space left on device"
    source.lost = 7
    let list = try JSON.decode(BreakerList.self, from: answer("/v1/breakers", source: source).body)
    #expect(
      list.troubles == [
        "events: events can't be written to /var/e: No space left on device",
        "7 events lost since the start (event_log)",
      ])
    let fine = String(decoding: answer("/v1/breakers").body, as: UTF8.self)
    #expect(!fine.contains("troubles"))
  }

  @Test func `every breaker of the list is found at its href`() throws {
    let source = Sample.Source(groups: [
      Sample.group(), Sample.group("kafka:a%40b%25"), Sample.group("b", cluster: "one"),
      Sample.group("b", cluster: "two/é"),
      Sample.group("c", target: "pid:1"), Sample.group("c", target: "/sys/fs/cgroup/a&b=c"),
    ])
    let list = try JSON.decode(BreakerList.self, from: answer("/v1/breakers", source: source).body)
    #expect(list.breakers.count == 6)
    for breaker in list.breakers {
      let answer = answer(breaker.href, source: source)
      #expect(answer.status == .ok, "\(breaker.href)")
      let detail = try JSON.decode(BreakerDetail.self, from: answer.body)
      #expect(detail.group.key == breaker.key && detail.group.cluster == breaker.cluster)
      #expect(detail.group.target == breaker.target && detail.group.href == breaker.href)
    }
  }

  @Test func `every group of a report has an href that leads to it, also in the report of one target`() throws {
    let source = Sample.Source(groups: [
      Sample.group("a"), Sample.group("b", cluster: "one"), Sample.group("b", cluster: "two"),
      Sample.group("c", target: "pid:1"), Sample.group("c", target: "pid:42"),
    ])
    for path in ["/v1/report", "/v1/report?target=pid%3A42"] {
      let report = try JSON.decode(Report.self, from: answer(path, source: source).body)
      #expect(report.groups.count == 5)
      for group in report.groups {
        let detail = try JSON.decode(BreakerDetail.self, from: answer(group.href, source: source).body)
        #expect((detail.group.key, detail.group.cluster) == (group.key, group.cluster), "\(group.href)")
        #expect(detail.group.target == group.target, "\(group.href)")
      }
    }
  }

  @Test func `a key that several targets have names each with its target`() throws {
    let source = Sample.Source(groups: [Sample.group("c", target: "pid:1"), Sample.group("c", target: "pid:42")])
    let problem = try problem(answer("/v1/breakers/c", source: source))
    #expect(problem.nearest == ["c@rabbit@one (target pid:1)", "c@rabbit@one (target pid:42)"])
    #expect(Set(problem.candidates ?? []).count == 2)
  }

  @Test func `an unknown key names the nearest`() throws {
    let answer = answer("/v1/breakers/rabbitmq%3A%2F%3Aorders")  // encoded once instead of twice
    #expect(answer.status == .notFound)
    let problem = try problem(answer)
    #expect(problem.nearest == ["rabbitmq:%2F:orders"])
    #expect(problem.candidates == ["/v1/breakers/rabbitmq%3A%252F%3Aorders"])
    #expect(problem.instance == "/v1/breakers/rabbitmq%3A%2F%3Aorders")
    #expect(problem.type == "tag:stormfuse,2026:no-such-breaker")
  }

  @Test func `a key with a wrong cluster or target says which exist`() throws {
    let problem = try problem(answer("/v1/breakers/rabbitmq%3A%252F%3Aorders%40nowhere"))
    #expect(problem.status == 404 && problem.detail.contains("rabbit@one"))
  }

  @Test func `an ambiguous key names the candidates`() throws {
    let source = Sample.Source(groups: [Sample.group("b", cluster: "one"), Sample.group("b", cluster: "two")])
    let problem = try problem(answer("/v1/breakers/b", source: source))
    #expect(problem.status == 409)
    #expect(problem.nearest == ["b@one", "b@two"])
    #expect(problem.candidates == ["/v1/breakers/b%40one", "/v1/breakers/b%40two"])
  }

  @Test(arguments: [
    ("/nope", 404), ("/v1", 404), ("/v1/breakers/", 404), ("/v1/breakers/a/b", 404), ("/v1/breakers/%", 400),
    ("/v1/breakers/%FF", 400), ("/v1/breakers/a?target=%", 400), ("/v1/breakers/a?target=b&target=c", 400), ("", 404),
    ("*", 404), ("/HEALTHZ", 404), ("//healthz", 404), ("/v1/../healthz", 404),
  ])
  func `other paths are problems`(path: String, status: Int) throws {
    let answer = answer(path)
    #expect(answer.status.code == status)
    let problem = try problem(answer)
    #expect(problem.status == status && problem.hint != nil)
  }

  @Test(arguments: [HTTPRequest.Method.post, .put, .delete, .options, .patch, .connect, .trace])
  func `other methods are 405 with what is allowed`(method: HTTPRequest.Method) throws {
    let answer = answer("/v1/report", method)
    #expect(answer.status == .methodNotAllowed)
    #expect(answer.fields[.allow] == "GET, HEAD")
    _ = try problem(answer)
  }

  @Test(
    arguments: [
      ("localhost", true), ("localhost:8080", true), ("LocalHost", true), ("127.0.0.1", true), ("127.0.0.1:1", true),
      ("127.9.9.9", true), ("[::1]", true), ("[::1]:80", true), (nil, false), ("", false), ("evil.example", false),
      ("evil.example:8080", false), ("localhost.evil.example", false), ("127.0.0.1.evil.example", false),
      ("[::2]", false),
      ("::1", false), ("localhost:", false), ("localhost:x", false), ("localhost:80:80", false),
      ("localhost@evil", false),
      ("[localhost]", false), ("local host", false),
    ] as [(String?, Bool)])
  func `only loopback's own names are answered on TCP`(host: String?, allowed: Bool) {
    #expect(answer("/healthz", host: host).status == (allowed ? .ok : .forbidden))
    #expect(answer("/healthz", host: host, tcp: false).status == .ok)
  }

  @Test(
    arguments: [
      ("/v1/report", nil, true), ("/v1/report", "", true), ("/v1/report", "*/*", true),
      ("/v1/report", "application/json", true),
      ("/v1/report", "text/html, application/*;q=0.5", true), ("/v1/report", "text/html", false),
      ("/v1/report", "application/json;q=0", false), ("/v1/report", "APPLICATION/JSON; charset=utf-8", true),
      ("/metrics", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", true),
      ("/metrics", "application/json", false), ("/", "text/html,application/xhtml+xml,*/*;q=0.8", true),
      (",;", ",;", false),
    ] as [(String, String?, Bool)])
  func `Accept is respected`(path: String, accept: String?, allowed: Bool) {
    let status = answer(path, accept: accept).status
    #expect(status == (path.hasPrefix("/") ? (allowed ? .ok : .notAcceptable) : .notFound))
  }

  @Test func `the list and a breaker carry what there is to say in words`() throws {
    let source = Sample.Source(groups: [Sample.failingGroup()])
    let unmet = BreakerNote(
      name: "unmet", text: "dead-letter-storm: retries p95 0 of 3, delay p95 1.3 s of 60 s")
    let list = try JSON.decode(BreakerList.self, from: answer("/v1/breakers", source: source).body)
    #expect(list.breakers.map(\.notes) == [[unmet]])
    let path = "/v1/breakers/rabbitmq%3A%252F%3Aorders"
    #expect(try JSON.decode(BreakerDetail.self, from: answer(path, source: source).body).notes == [unmet])
    let healthy = Sample.Source(groups: [Sample.group(verdict: .healthy, state: .closed)])
    #expect(!String(decoding: answer("/v1/breakers", source: healthy).body, as: UTF8.self).contains("notes"))
  }

  @Test func `a report without groups is an empty list, and every key unknown`() throws {
    let source = Sample.Source(groups: [])
    #expect(try JSON.decode(BreakerList.self, from: answer("/v1/breakers", source: source).body).breakers.isEmpty)
    #expect(try problem(answer("/v1/breakers/x", source: source)).hint == "no group has been seen yet")
  }
}
