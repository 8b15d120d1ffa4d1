import AdminAPI
import Foundation
import HTTPTypes
import Testing

@testable import Admin

@Suite struct AccessPolicyTests {
  static let secret = "0123456789abcdef"

  static func token() throws -> AccessToken {
    var template = Array("/tmp/stormfuse-test-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer {
      close(descriptor)
      unlink(path)
    }
    guard write(descriptor, secret, secret.utf8.count) == secret.utf8.count else { throw CancellationError() }
    return try AccessToken.read(path: path)
  }

  private func status(
    _ policy: AccessPolicy, _ method: HTTPRequest.Method = .get, _ path: String = "/v1/report",
    host: String? = "localhost:8080", fields: HTTPFields = [:]
  ) -> Int {
    var request = HTTPRequest(method: method, scheme: "http", authority: host, path: path)
    request.headerFields = fields
    request.headerFields[.contentType] = "application/json"
    request.headerFields[.contentLength] = "2"
    let routes = AdminRoutes(source: FakeSink(), commands: FakeSink(), version: "1", policy: policy)
    switch routes.begin(request) {
    case .answer(let answer):
      if answer.status == .unauthorized { #expect(answer.fields[.wwwAuthenticate] == #"Bearer realm="stormfuse""#) }
      return answer.status.code
    case .body: return 200
    }
  }

  private let trip = "/v1/breakers/rabbitmq%3A%252F%3Aorders/trip"
  private let right: HTTPFields = [.authorization: "Bearer \(secret)"]

  @Test(
    arguments: [
      ("http://localhost:8080", 200), ("HTTP://LOCALHOST:8080", 200), ("http://localhost:8081", 403),
      ("http://localhost", 403), ("https://localhost:8080", 403), ("http://127.0.0.1:8080", 403), ("null", 403),
      ("", 403), ("http://evil.example", 403), ("http://localhost:8080.evil.example", 403),
      ("http://localhost:8080, http://evil.example", 403),
    ])
  func `on TCP a page elsewhere may neither read nor change`(origin: String, status: Int) throws {
    let policy = AccessPolicy(reach: .loopback, token: try Self.token())
    #expect(self.status(policy, fields: [.origin: origin]) == status)
    #expect(
      self.status(policy, .post, trip, fields: [.origin: origin, .authorization: "Bearer \(Self.secret)"]) == status)
    #expect(self.status(AccessPolicy(reach: .unixSocket), .post, trip, fields: [.origin: origin]) == 200)
  }

  @Test func `the standard port may be left out of an origin`() {
    let policy = AccessPolicy(reach: .loopback)
    for (host, origin) in [("localhost", "http://localhost:80"), ("localhost:80", "http://localhost")] {
      #expect(status(policy, host: host, fields: [.origin: origin]) == 200)
    }
  }

  @Test(arguments: [("cross-site", 403), ("Cross-Site", 403), ("same-origin", 200), ("none", 200), ("same-site", 200)])
  func `what the browser calls cross-site is refused`(site: String, status: Int) {
    #expect(self.status(AccessPolicy(reach: .loopback), fields: [.secFetchSite: site]) == status)
  }

  @Test func `loopback without a token only reads`() {
    let policy = AccessPolicy(reach: .loopback)
    #expect(status(policy) == 200)
    #expect(status(policy, .post, trip, fields: [:]) == 403 && status(policy, .post, trip, fields: right) == 403)
  }

  @Test(
    arguments: [
      (nil, 401), ("", 401), ("Bearer", 401), ("Bearer ", 401), ("Bearer 0123456789abcdeg", 401),
      ("Bearer 0123456789abcde", 401), ("Bearer 0123456789abcdef0", 401), ("Basic 0123456789abcdef", 401),
      ("0123456789abcdef", 401), ("Bearer 0123456789abcdef, Bearer x", 401), ("Bearer  0123456789abcdef", 401),
      ("Bearer 0123456789abcdef", 200), ("bearer 0123456789abcdef", 200),
    ] as [(String?, Int)])
  func `with a token changes need it, and beyond loopback reads as well`(header: String?, status: Int) throws {
    var fields: HTTPFields = [:]
    fields[.authorization] = header
    let token = try Self.token()
    let loopback = AccessPolicy(reach: .loopback, token: token)
    #expect(self.status(loopback, .post, trip, fields: fields) == status)
    #expect(self.status(loopback, fields: fields) == 200)
    let network = AccessPolicy(reach: .network("10.0.0.1"), token: token)
    #expect(self.status(network, .post, trip, fields: fields) == status)
    for path in ["/", "/v1/report", "/v1/breakers", "/v1/breakers/rabbitmq%3A%252F%3Aorders"] {
      #expect(self.status(network, .get, path, fields: fields) == status)
    }
    for path in ["/healthz", "/metrics", "/readyz"] { #expect(self.status(network, .get, path, fields: fields) == 200) }
    #expect(self.status(network, .get, "/nope", fields: fields) == (status == 200 ? 404 : 401))
  }

  @Test(
    arguments: [
      ("10.0.0.1", ["fuse.example"], "10.0.0.1:80", true), ("10.0.0.1", ["fuse.example"], "FUSE.example:80", true),
      ("10.0.0.1", [], "localhost", true), ("10.0.0.1", [], "10.0.0.2", false), ("10.0.0.1", [], "evil.example", false),
      ("0.0.0.0", [], "0.0.0.0", false), ("0.0.0.0", [], "10.0.0.1", false),
      ("0.0.0.0", ["10.0.0.1"], "10.0.0.1", true),
      ("2001:db8::1", [], "[2001:DB8:0::1]:80", true), ("2001:db8::1", [], "[2001:db8::2]:80", false),
      ("::", [], "[::]", false), ("10.0.0.1", ["fuse.example"], "fuse.example.evil.example", false),
    ])
  func `beyond loopback the Host is the own address or a configured name`(
    address: String, hosts: [String], host: String, allowed: Bool
  ) throws {
    let policy = AccessPolicy(reach: .network(address), token: try Self.token(), hosts: hosts)
    #expect(status(policy, .get, "/v1/report", host: host, fields: right) == (allowed ? 200 : 403))
  }

  @Test func `the listener for metrics serves three paths to everybody, whatever the Host, and nothing else`() {
    let policy = AccessPolicy(reach: .metricsOnly)
    for path in ["/metrics", "/healthz"] {
      for host in ["10.1.2.3:9464", "evil.example", nil] { #expect(status(policy, .get, path, host: host) == 200) }
    }
    #expect(status(policy, .get, "/readyz") == 200)
    for path in ["/", "/v1/report", "/v1/breakers", "/v1/breakers/rabbitmq%3A%252F%3Aorders", trip, "/nope"] {
      #expect(status(policy, .get, path) == 404, "\(path)")
    }
    #expect(status(policy, .post, trip, fields: right) == 404 && status(policy, .post, "/metrics") == 405)
  }
}
