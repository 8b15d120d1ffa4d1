internal import AdminAPI
internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Pipeline
internal import NIOPosix

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// One question or command to the admin API over a Unix socket or TCP.
struct AdminClient: Sendable {
  let address: Listen
  private let token: AccessToken?

  /// `--admin`, else `STORMFUSE_ADMIN`, else the standard socket; `--token-file`, else `STORMFUSE_TOKEN_FILE`, else no
  /// token. Without a token an address beyond loopback is refused.
  init(option: String?, tokenFile: String? = nil, environment: [String: String]) throws(CommandFailure) {
    let named = option.map { ("--admin", $0) } ?? environment["STORMFUSE_ADMIN"].map { ("STORMFUSE_ADMIN", $0) }
    if let path = tokenFile ?? environment["STORMFUSE_TOKEN_FILE"], !path.isEmpty {
      do throws(AccessToken.ReadError) {
        token = try AccessToken.read(path: path)
      } catch {
        throw .wrongToken(error.description)
      }
    } else {
      token = nil
    }
    guard let (source, text) = named, !text.isEmpty else {
      address = .standard
      return
    }
    do throws(Listen.ParseError) {
      address = try Listen.parse(text, reach: token == nil ? .loopback : .names)
    } catch {
      throw .wrongAddress("\(source): \(error)")
    }
  }

  /// The body of a 2xx answer.
  func get(_ path: String) async throws(CommandFailure) -> [UInt8] { try await ask(.GET, path) }

  /// A command; the body of a 2xx answer.
  ///
  /// - Parameter ifRevision: Refused if the breaker is at another one.
  func send(
    _ method: HTTPMethod, _ path: String, _ body: CommandBody, ifRevision: UInt64?
  ) async throws(CommandFailure) -> [UInt8] {
    let bytes: [UInt8]
    do { bytes = try JSON.encode(body) } catch { throw .strange("the command can't be written as JSON: \(error)") }
    return try await ask(method, path, bytes, ifRevision: ifRevision)
  }

  private func ask(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8]? = nil, ifRevision: UInt64? = nil
  ) async throws(CommandFailure) -> [UInt8] {
    if let failure = unreachableSocket() { throw failure }
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.timeout.connect = .seconds(3)
    // A refused connection is an answer here, not something to wait for.
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let answer: Result<[UInt8], CommandFailure>
    do {
      var request = HTTPClientRequest(url: base + path)
      request.method = method
      request.headers.add(name: "Accept", value: "application/json")
      // The socket's mode is the permission there; the token is not for whoever made that socket.
      if let token, case .tcp = address { request.headers.add(name: "Authorization", value: token.authorization) }
      if let ifRevision { request.headers.add(name: "If-Match", value: "\"\(ifRevision)\"") }
      if let body {
        request.headers.add(name: "Content-Type", value: CommandBody.mediaType)
        request.body = .bytes(ByteBuffer(bytes: body))
      }
      let response = try await client.execute(request, timeout: .seconds(10))
      let body = try await response.body.collect(upTo: Self.largestAnswer_bytes)
      answer = read(Array(body.readableBytesView), status: Int(response.status.code))
    } catch {
      answer = .failure(unreachable(error, isCommand: body != nil))
    }
    try? await client.shutdown()
    return try answer.get()
  }

  /// A 2xx answer, read as JSON.
  func get<Value: Decodable>(_: Value.Type, _ path: String) async throws(CommandFailure) -> Value {
    let body = try await get(path)
    do {
      return try JSON.decode(Value.self, from: body)
    } catch {
      throw .strange("\(address) answered something else than expected: is it a stormfuse of the same version?")
    }
  }

  private var base: String {
    switch address {
    case .unix(let path): "http+unix://\(PercentEncoding.encode(path))"
    case .tcp(let host, let port): host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }
  }

  private func read(_ body: [UInt8], status: Int) -> Result<[UInt8], CommandFailure> {
    if (200..<300).contains(status) { return .success(body) }
    if let problem = try? JSON.decode(Problem.self, from: body) { return .failure(.refused(problem)) }
    return .failure(.strange("\(address) answered with HTTP status \(status): is it a stormfuse?"))
  }

  /// What keeps a Unix socket from being used, found out before the attempt, because the client's error would not say.
  private func unreachableSocket() -> CommandFailure? {
    guard case .unix(let path) = address else { return nil }
    var status = stat()
    guard stat(path, &status) == 0 else {
      switch errno {
      case ENOENT, ENOTDIR:
        return .unreachable(
          "there is no socket at \(path): is stormfuse running? If it listens elsewhere, name it with --admin or "
            + "STORMFUSE_ADMIN")
      case EACCES: return .unreachable(forbidden(path))
      case let code: return .unreachable("\(path) can't be reached: \(String(cString: strerror(code)))")
      }
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else { return .unreachable("\(path) is not a socket") }
    guard access(path, R_OK | W_OK) == 0 || errno != EACCES else { return .unreachable(forbidden(path)) }
    return nil
  }

  private func forbidden(_ path: String) -> String {
    "this user may not use the socket \(path): run as its owner or join its group (ls -l \(path))"
  }

  private func unreachable(_ error: any Error, isCommand: Bool) -> CommandFailure {
    let refused: Bool
    switch error {
    case let error as IOError: refused = error.errnoCode == ECONNREFUSED
    case is NIOConnectionError: refused = true
    default: refused = false
    }
    switch (refused, address) {
    case (true, .unix(let path)):
      return .unreachable(
        "nobody listens on \(path): stormfuse has ended without removing it; start it again, or name another with --admin"
      )
    case (true, .tcp):
      return .unreachable("nobody listens on \(address): is stormfuse running with --admin \(address)?")
    default:
      let reason = (error as? HTTPClientError)?.shortDescription ?? "\(error)"
      return .unreachable(
        "\(address) does not answer (\(reason)): is it a stormfuse, and is it alive?"
          + (isCommand ? " Whether the command was carried out is not known: fusectl show tells." : ""))
    }
  }

  private static let largestAnswer_bytes = 256 << 20
}
