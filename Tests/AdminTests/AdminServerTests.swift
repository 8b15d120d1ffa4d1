import AdminAPI
import Foundation
import NIOCore
import Testing

@testable import Admin

/// Runs a server while `body` runs.
func withServer<Result: Sendable>(
  _ listen: Listen, source: any ReportSource = Sample.Source(), commands: (any CommandSink)? = nil,
  policy: AccessPolicy? = nil, limits: AdminServer.Limits = .init(),
  _ body: @Sendable @escaping (Listen) async throws -> Result
) async throws -> Result {
  let (ready, announce) = AsyncStream<Listen>.makeStream()
  let server = AdminServer(
    listen: listen, policy: policy ?? AccessPolicy(listen, token: nil, hosts: []), source: source, commands: commands,
    version: "1.2.3", limits: limits
  ) { announce.yield($0) }
  let running = Task {
    defer { announce.finish() }
    try await server.run()
  }
  var addresses = ready.makeAsyncIterator()
  guard let address = await addresses.next() else {
    try await running.value
    throw CancellationError()
  }
  let result: Swift.Result<Result, any Error>
  do { result = .success(try await body(address)) } catch { result = .failure(error) }
  running.cancel()
  try await running.value
  return try result.get()
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct AdminServerTests {
  private let loopback = Listen.tcp(host: "127.0.0.1", port: 0)
  private static let end = "Host: localhost\r\nConnection: close\r\n\r\n"

  @Test func `answers on a Unix socket of mode 0660 that is gone afterwards`() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/s.sock"
      let text = try await withServer(.unix(path: path)) { listen in
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o660 && status.st_mode & S_IFMT == S_IFSOCK)
        #expect(entries(directory) == ["s.sock"])
        return try await RawClient.exchange(listen, ["GET /healthz HTTP/1.1\r\n" + Self.end]).text
      }
      #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix(#""version":"1.2.3"}"#), "\(text)")
      #expect(entries(directory).isEmpty)
    }
  }

  @Test func `mode 0660 does not depend on the umask`() async throws {
    try await withTemporaryDirectory { directory in
      let before = umask(0o177)
      defer { umask(before) }
      try await withServer(.unix(path: directory + "/s")) { _ in
        var status = stat()
        #expect(lstat(directory + "/s", &status) == 0 && status.st_mode & 0o7777 == 0o660)
      }
    }
  }

  @Test func `a socket that nobody listens on any more is replaced`() async throws {
    try await withTemporaryDirectory { directory in
      let path = directory + "/s"
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let bound = withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      close(descriptor)
      #expect(bound == 0)
      let text = try await withServer(.unix(path: path)) {
        try await RawClient.exchange($0, ["GET /healthz HTTP/1.1\r\n" + Self.end]).text
      }
      #expect(text.hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test func `a socket that somebody listens on is left alone`() async throws {
    try await withTemporaryDirectory { directory in
      let listen = Listen.unix(path: directory + "/s")
      try await withServer(listen) { _ in
        let error = try await #require(throws: AdminError.self) { try await withServer(listen) { _ in } }
        #expect(error.description.contains("another process listens"), "\(error)")
        let text = try await RawClient.exchange(listen, ["GET /healthz HTTP/1.1\r\n" + Self.end]).text
        #expect(text.hasPrefix("HTTP/1.1 200"))
        #expect(entries(directory) == ["s"])
      }
    }
  }

  @Test func `a lock on its directory, which any user can take, does not keep the socket from being served`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let other = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(other) }
      #expect(flock(other, LOCK_EX | LOCK_NB) == 0)
      try await withServer(.unix(path: directory + "/s")) { _ in #expect(entries(directory) == ["s"]) }
      #expect(entries(directory).isEmpty)
    }
  }

  @Test func `a lock file that others can open is refused with what to do`() async throws {
    try await withTemporaryDirectory { directory in
      let lock = directory + "/s.lock"
      close(open(lock, O_WRONLY | O_CREAT, 0o644))
      #expect(chmod(lock, 0o644) == 0)
      let error = await #expect(throws: AdminError.self) {
        try await withServer(.unix(path: directory + "/s")) { _ in }
      }
      let words = "its lock \(lock) is no file that this user alone may open: remove it"
      #expect(error?.description.contains(words) == true, "\(error as Any)")
      #expect(chmod(lock, 0o600) == 0)
      try await withServer(.unix(path: directory + "/s")) { _ in }
      #expect(entries(directory).isEmpty)
    }
  }

  @Test func `of many servers that start at once on one path exactly one gets it`() async throws {
    try await withTemporaryDirectory { directory in
      let listen = Listen.unix(path: directory + "/s")
      let winners = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
          group.addTask {
            do {
              return try await withServer(listen) { _ in
                try await Task.sleep(for: .milliseconds(700))
                return true
              }
            } catch { return false }
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(winners == 1)
      #expect(entries(directory).isEmpty)
    }
  }

  @Test func `what can't be listened on is said with what to do`() async throws {
    try await withTemporaryDirectory { directory in
      _ = FileManager.default.createFile(atPath: directory + "/file", contents: Data("x".utf8))
      let text = try await withServer(loopback) { taken in
        var texts: [String] = []
        for listen in [taken, .unix(path: directory + "/file"), .unix(path: directory + "/none/s")] {
          let error = try await #require(throws: AdminError.self) { try await withServer(listen) { _ in } }
          texts.append(error.description)
        }
        return texts
      }
      #expect(text[0].contains("is in use"))
      #expect(text[1].contains("not a socket"))
      #expect(text[2].contains("there is no directory \(directory)/none: create it"))
      #expect(FileManager.default.contents(atPath: directory + "/file") == Data("x".utf8))
    }
  }

  @Test func `answers on loopback TCP, several requests to a connection, HEAD without a body`() async throws {
    let answer = try await withServer(loopback) { listen in
      try await RawClient.exchange(
        listen,
        [
          "GET /v1/breakers/rabbitmq%3A%252F%3Aorders HTTP/1.1\r\nHost: localhost\r\n\r\nHEAD /v1/report HTTP/1.1\r\n",
          "Host: 127.0.0.1:1\r\n\r\nGET /nope HTTP/1.1\r\n" + Self.end,
        ], pause_ms: 50)
    }
    #expect(answer.closed)
    let parts = answer.text.components(separatedBy: "HTTP/1.1 ")
    #expect(parts.count == 4, "\(answer.text)")
    #expect(parts[1].hasPrefix("200 OK") && parts[1].contains(#""schema":"stormfuse.breaker/1""#))
    #expect(parts[2].hasPrefix("200 OK") && parts[2].hasSuffix("\r\n\r\n") && !parts[2].contains("content-length: 0"))
    #expect(parts[3].hasPrefix("404 Not Found") && parts[3].contains("application/problem+json"))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "403 Forbidden"),
    ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "403 Forbidden"),
    ("GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "403 Forbidden"),
    ("POST /v1/report HTTP/1.1\r\nContent-Length: 2\r\n" + end + "{}", "405 Method Not Allowed"),
    ("BREW / HTTP/1.1\r\n" + end, "400 Bad Request"), ("GET / HTTP/9.9\r\n" + end, "400 Bad Request"),
    ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n", "400 Bad Request"),
    ("GET\r\n\r\n", "400 Bad Request"),
    ("GET /healthz HTTP/1.1\r\nX: " + String(repeating: "x", count: 20_000) + "\r\n" + end, "400 Bad Request"),
    ("GET /" + String(repeating: "x", count: 20_000) + " HTTP/1.1\r\n" + end, "400 Bad Request"),
    ("GET /healthz HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 200) + end, "400 Bad Request"),
    ("GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + end, "400 Bad Request"),
  ])
  func `what is wrong is refused, and the server lives on`(request: String, status: String) async throws {
    try await withServer(loopback) { listen in
      let answer = try await RawClient.exchange(listen, [request])
      #expect(answer.text.hasPrefix("HTTP/1.1 \(status)\r\n"), "\(answer.text.prefix(300))")
      #expect(answer.closed)
      let next = try await RawClient.exchange(listen, ["GET /healthz HTTP/1.1\r\n" + Self.end])
      #expect(next.text.hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test(arguments: [
    ["GET /healthz HTTP/1.1\r\n", "Ho", "st", ": ", "lo", "ca", "l", "ho", "st"],  // a head that never ends
    ["GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n", "x", "x", "x", "x", "x", "x", "x"],
    [],
  ])
  func `slow and silent clients are let go`(pieces: [String]) async throws {
    var limits = AdminServer.Limits()
    limits.idle = .milliseconds(300)
    limits.transfer = .milliseconds(300)
    let clock = ContinuousClock()
    let began = clock.now
    let answer = try await withServer(loopback, limits: limits) {
      try await RawClient.exchange($0, pieces, pause_ms: 80)
    }
    #expect(answer.closed)
    #expect(clock.now - began < .seconds(4))
  }

  @Test func `a body without end is cut off`() async throws {
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    let pieces = [head] + Array(repeating: String(repeating: "x", count: 8192), count: 64)
    let answer = try await withServer(loopback) { try await RawClient.exchange($0, pieces, pause_ms: 2) }
    #expect(answer.closed)
  }

  @Test func `a client that does not take its answer is let go`() async throws {
    var limits = AdminServer.Limits()
    limits.transfer = .milliseconds(300)
    limits.connections = 1
    let source = Sample.Source(groups: (0..<3000).map { Sample.group("rabbitmq:%2F:q\($0)") })
    try await withServer(loopback, source: source, limits: limits) { listen in
      let descriptor = try RawClient.connected(listen)
      defer { close(descriptor) }
      let request = Array((0..<4).map { _ in "GET /v1/report HTTP/1.1\r\nHost: localhost\r\n\r\n" }.joined().utf8)
      #expect(send(descriptor, request, request.count, 0) == request.count)
      // The only connection is taken: this one is served once the first was closed.
      let next = try await RawClient.exchange(listen, ["GET /healthz HTTP/1.1\r\n" + Self.end], patience_s: 20)
      #expect(next.text.hasPrefix("HTTP/1.1 200"), "\(next.text.prefix(100))")
    }
  }

  @Test func `many clients at once are all answered`() async throws {
    try await withServer(loopback) { listen in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<100 {
          group.addTask {
            let answer = try await RawClient.exchange(listen, ["GET /metrics HTTP/1.1\r\n" + Self.end], patience_s: 20)
            #expect(answer.text.hasPrefix("HTTP/1.1 200") && answer.text.contains("stormfuse_verdict"))
          }
        }
        try await group.waitForAll()
      }
    }
  }

  private func entries(_ directory: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? ["(unreadable)"]
  }
}
