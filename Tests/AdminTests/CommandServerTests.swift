import AdminAPI
import Foundation
import NIOCore
import Testing

@testable import Admin
@testable import Pipeline

/// Commands over real sockets: what is refused, and that it changes nothing.
@Suite(.serialized, .timeLimit(.minutes(2))) struct CommandServerTests {
  private let loopback = Listen.tcp(host: "127.0.0.1", port: 0)
  private static let trip = "POST /v1/breakers/rabbitmq%3A%252F%3Aorders/trip HTTP/1.1\r\n"
  private static let note = #"{"reason":"DLQ fills","author":"ann@host"}"#
  private static let json = "Content-Type: application/json\r\n"
  private static let last = "Connection: close\r\n"
  private static let bearer = "Authorization: Bearer \(AccessPolicyTests.secret)\r\n"

  private static func request(
    _ fields: String = json, line: String = trip, host: String = "localhost", body: String = note
  ) -> String {
    "\(line)Host: \(host)\r\n\(fields)\(last)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private func withToken() throws -> AccessPolicy {
    AccessPolicy(reach: .loopback, token: try AccessPolicyTests.token())
  }

  @Test func `over a Unix socket every command is carried out and answered`() async throws {
    let override = "/v1/breakers/rabbitmq%3A%252F%3Aorders/override HTTP/1.1\r\n"
    let steps: [(String, String, BreakerState)] = [
      (Self.request(), #""command":"trip""#, .open),
      (
        Self.request(line: "POST /v1/breakers/rabbitmq%3A%252F%3Aorders/reset HTTP/1.1\r\n"), #""command":"reset""#,
        .closed
      ),
      (
        Self.request(line: "PUT " + override, body: #"{"state":"forced_open","limit_s":60,"reason":"r","author":"a"}"#),
        #""command":"override""#, .forcedOpen
      ),
      (Self.request(line: "DELETE " + override), #""command":"clear_override""#, .closed),
    ]
    try await withTemporaryDirectory { directory in
      let sink = FakeSink()
      try await withServer(.unix(path: directory + "/s"), source: sink, commands: sink) { listen in
        for (request, command, state) in steps {
          let answer = try await RawClient.exchange(listen, [request])
          #expect(answer.text.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.text.contains(command), "\(answer.text)")
          #expect(sink.groups[0].breaker.state == state)
        }
      }
    }
  }

  private static let refused: [(request: String, status: String)] = [
    // DNS rebinding: a page of evil.example, whose name now leads here.
    (request("\(json)\(bearer)", host: "evil.example"), "403 Forbidden"),
    (request("\(json)\(bearer)Origin: http://evil.example:8080\r\n", host: "evil.example:8080"), "403 Forbidden"),
    // A cross-site form or fetch with a body type that needs no preflight.
    (request("Content-Type: text/plain\r\nOrigin: http://evil.example\r\n"), "403 Forbidden"),
    (request("Content-Type: text/plain\r\nOrigin: null\r\n\(bearer)"), "403 Forbidden"),
    (request("\(json)\(bearer)Sec-Fetch-Site: cross-site\r\n"), "403 Forbidden"),
    (request("Content-Type: text/plain\r\n\(bearer)"), "415 Unsupported Media Type"),
    (request("Content-Type: application/x-www-form-urlencoded\r\n\(bearer)"), "415 Unsupported Media Type"),
    (request(bearer), "415 Unsupported Media Type"),
    // The token.
    (request(), "401 Unauthorized"), (request("\(json)Authorization: Bearer 0123456789abcdeX\r\n"), "401 Unauthorized"),
    // Preflights permit nothing.
    (
      "OPTIONS /v1/breakers/rabbitmq%3A%252F%3Aorders/trip HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
        + "Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n", "403 Forbidden"
    ),
    (
      "OPTIONS /v1/breakers/rabbitmq%3A%252F%3Aorders/trip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
      "405 Method Not Allowed"
    ),
    (request("\(json)\(bearer)", line: "POST /v1/breakers/rabbitmq%3A%252F%3Anew/trip HTTP/1.1\r\n"), "404 Not Found"),
    (request("\(json)\(bearer)If-Match: \"7\"\r\n"), "412 Precondition Failed"),
    (request("\(json)\(bearer)", body: "{}"), "400 Bad Request"),
    (request("\(json)\(bearer)", body: #"{"reason":"r","author":"a","colour":1}"#), "400 Bad Request"),
    (request("\(json)\(bearer)", body: String(repeating: " ", count: 16_385)), "413 "),
    (request("\(json)\(bearer)", body: String(repeating: "x", count: 100_000)), "413 "),
    (
      "\(trip)Host: localhost\r\n\(json)\(bearer)\(last)Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
      "411 Length Required"
    ),
  ]

  @Test(arguments: refused)
  func `what may not be changes nothing`(request: String, status: String) async throws {
    let sink = FakeSink()
    let answer = try await withServer(loopback, source: sink, commands: sink, policy: try withToken()) {
      try await RawClient.exchange($0, [request])
    }
    #expect(answer.text.hasPrefix("HTTP/1.1 \(status)"), "\(answer.text)")
    #expect(answer.text.contains("application/problem+json") && !answer.text.lowercased().contains("access-control"))
    #expect(sink.groups[0].breaker.state == .closed && sink.groups[0].breaker.revision == 0 && sink.groups.count == 1)
  }

  @Test func `loopback without a token reads, and says how changes are permitted`() async throws {
    let sink = FakeSink()
    let text = try await withServer(loopback, source: sink, commands: sink) { listen in
      for type in ["text/plain", "application/json"] {
        let answer = try await RawClient.exchange(listen, [Self.request("Content-Type: \(type)\r\n")])
        #expect(answer.text.hasPrefix("HTTP/1.1 403 Forbidden"))
        #expect(answer.text.contains("Unix socket") && answer.text.contains("--admin-token-file"))
      }
      return try await RawClient.exchange(
        listen, ["GET /v1/breakers/rabbitmq%3A%252F%3Aorders HTTP/1.1\r\nHost: localhost\r\n\(Self.last)\r\n"]
      ).text
    }
    #expect(text.hasPrefix("HTTP/1.1 200 OK") && text.lowercased().contains("etag: \"0\""))
    #expect(sink.calls.isEmpty)
  }

  @Test func `with the token loopback changes`() async throws {
    let sink = FakeSink()
    let text = try await withServer(loopback, source: sink, commands: sink, policy: try withToken()) {
      try await RawClient.exchange($0, [Self.request(Self.json + Self.bearer)]).text
    }
    #expect(text.hasPrefix("HTTP/1.1 200 OK"), "\(text)")
    #expect(sink.groups[0].breaker.state == .open)
  }

  @Test(arguments: ["0.0.0.0", "::", "192.0.2.1"])
  func `beyond loopback nothing listens without a token`(host: String) async throws {
    let error = await #expect(throws: AdminError.self) {
      try await withServer(.tcp(host: host, port: 0)) { _ in }
    }
    #expect(error?.description.contains("without a token") == true, "\(error?.description ?? "")")
  }

  @Test func `on all addresses with a token reads need it too, except for probes and scrapers`() async throws {
    let listen = Listen.tcp(host: "0.0.0.0", port: 0)
    let policy = AccessPolicy(listen, token: try AccessPolicyTests.token(), hosts: ["fuse.example"])
    try await withServer(listen, policy: policy) { listen in
      let end = "Host: fuse.example\r\n\(Self.last)"
      for (request, status) in [
        ("GET /v1/report HTTP/1.1\r\n" + end, "401"), ("GET / HTTP/1.1\r\n" + end, "401"),
        ("GET /v1/report HTTP/1.1\r\n" + end + Self.bearer, "200"), ("GET /healthz HTTP/1.1\r\n" + end, "200"),
        ("GET /metrics HTTP/1.1\r\n" + end, "200"), ("GET /readyz HTTP/1.1\r\n" + end, "200"),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n" + Self.last, "403"),
      ] {
        let answer = try await RawClient.exchange(listen, [request + "\r\n"])
        #expect(answer.text.hasPrefix("HTTP/1.1 \(status)"), "\(request) \(answer.text)")
      }
    }
  }

  @Test func `metrics may be on all addresses, without token and Host, and serve nothing else`() async throws {
    let (ready, announce) = AsyncStream<Listen>.makeStream()
    let server = AdminServer(
      metricsOn: .tcp(host: "0.0.0.0", port: 0), source: Sample.Source(), version: "1"
    ) { announce.yield($0) }
    let running = Task { try await server.run() }
    var addresses = ready.makeAsyncIterator()
    let listen = try #require(await addresses.next())
    for (request, status) in [
      ("GET /metrics HTTP/1.1\r\nHost: 10.1.2.3:9464\r\n", "200"), ("GET /metrics HTTP/1.0\r\n", "200"),
      ("GET /healthz HTTP/1.1\r\nHost: x\r\n", "200"), ("GET /readyz HTTP/1.1\r\nHost: x\r\n", "200"),
      ("GET /v1/report HTTP/1.1\r\nHost: x\r\n", "404"), ("GET / HTTP/1.1\r\nHost: x\r\n", "404"),
    ] {
      let answer = try await RawClient.exchange(listen, [request + Self.last + "\r\n"])
      #expect(answer.text.split(separator: " ").dropFirst().first == Substring(status), "\(request) \(answer.text)")
    }
    running.cancel()
    try await running.value
  }

  @Test(arguments: [
    // A byte now and then: neither a head nor a body may take longer for that.
    ["POST /v1/breakers/rabbitmq%3A%252F%3Aorders/trip HTTP/1.1\r\nX: "],
    ["\(trip)Host: x\r\n\(json)Content-Length: \(note.utf8.count)\r\n\r\n"],
    // All JSON is there, but not all that was announced.
    [
      "\(trip)Host: localhost\r\n\(json)Content-Length: \(note.utf8.count + 50)\r\n\r\n\(note)"
    ],
  ])
  func `slow clients are let go in time, change nothing and hurt nobody`(start: [String]) async throws {
    var limits = AdminServer.Limits()
    limits.transfer = .milliseconds(600)
    let sink = FakeSink()
    let pieces = start + Array(repeating: " ", count: 200)
    try await withTemporaryDirectory { directory in
      let clock = ContinuousClock()
      let began = clock.now
      try await withServer(.unix(path: directory + "/s"), source: sink, commands: sink, limits: limits) { listen in
        async let slow = RawClient.exchange(listen, pieces, pause_ms: 100)
        for _ in 0..<5 {
          let other = try await RawClient.exchange(listen, ["GET /healthz HTTP/1.1\r\nHost: x\r\n\(Self.last)\r\n"])
          #expect(other.text.hasPrefix("HTTP/1.1 200"))
          try await Task.sleep(for: .milliseconds(100))
        }
        let answer = try await slow
        #expect(answer.closed && !answer.text.hasPrefix("HTTP/1.1 200"), "\(answer.text)")
      }
      // All pieces would take 20 s, the idle timeout 30 s.
      #expect(clock.now - began < .seconds(10))
      #expect(sink.calls.isEmpty)
    }
  }

  @Test func `a client that goes in the middle of its body changes nothing`() async throws {
    try await withTemporaryDirectory { directory in
      let sink = FakeSink()
      try await withServer(.unix(path: directory + "/s"), source: sink, commands: sink) { listen in
        for cut in [1, Self.note.utf8.count] {
          let descriptor = try RawClient.connected(listen)
          let head = "\(Self.trip)Host: x\r\n\(Self.json)Content-Length: \(Self.note.utf8.count + 1)\r\n\r\n"
          let bytes = Array((head + Self.note.prefix(cut)).utf8)
          #expect(send(descriptor, bytes, bytes.count, 0) == bytes.count)
          close(descriptor)
        }
        // Whoever asks after them is answered after them: one event loop.
        for _ in 0..<5 {
          _ = try await RawClient.exchange(listen, ["GET /healthz HTTP/1.1\r\nHost: x\r\n\(Self.last)\r\n"])
        }
      }
      #expect(sink.calls.isEmpty && sink.groups[0].breaker.revision == 0)
    }
  }
}
