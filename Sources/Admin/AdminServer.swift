package import AdminAPI
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The admin API on a Unix socket (mode 0660) or on TCP, or only the metrics on TCP.
///
/// In: HTTP/1.1 requests. Out: what `AdminRoutes` answers from the source's snapshot, and for commands from the sink.
/// Bounds: 64 connections, 16 KiB of headers, 16 KiB of a command's body, 256 KiB of a body nobody reads, 10 s each for
/// a head, for a body to arrive and for an answer to be taken, 30 s between requests; past any of them the connection is
/// closed. One event loop thread. Nothing is logged.
package struct AdminServer: Sendable {
  private let listen: Listen
  private let routes: AdminRoutes
  private let limits: Limits
  private let onReady: @Sendable (Listen) async -> Void

  /// The API. `AccessPolicy` says who may do what.
  ///
  /// - Parameters:
  ///   - version: Shown in `/healthz` and `/metrics`.
  ///   - commands: Who carries changes out; nil: they are answered with 503.
  ///   - token: Permits changes over TCP, and is demanded for an address beyond loopback (`run` throws without it).
  ///   - hosts: Names besides loopback's own, without port, under which this server may be asked over TCP.
  ///   - onReady: Called once connections are accepted, with the address (the port, if the kernel chose it).
  package init(
    listen: Listen, source: any ReportSource, commands: (any CommandSink)? = nil, version: String,
    token: AccessToken? = nil, hosts: [String] = [], onReady: @escaping @Sendable (Listen) async -> Void = { _ in }
  ) {
    self.init(
      listen: listen, policy: AccessPolicy(listen, token: token, hosts: hosts), source: source, commands: commands,
      version: version, limits: Limits(), onReady: onReady)
  }

  /// Only /metrics, /healthz and /readyz, to everybody who can reach the address: any address, no token, no check of
  /// the Host.
  package init(
    metricsOn listen: Listen, source: any ReportSource, version: String,
    onReady: @escaping @Sendable (Listen) async -> Void = { _ in }
  ) {
    self.init(
      listen: listen, policy: AccessPolicy(reach: .metricsOnly), source: source, commands: nil, version: version,
      limits: Limits(), onReady: onReady)
  }

  init(
    listen: Listen, policy: AccessPolicy, source: any ReportSource, commands: (any CommandSink)?, version: String,
    limits: Limits, onReady: @escaping @Sendable (Listen) async -> Void
  ) {
    self.listen = listen
    self.limits = limits
    self.onReady = onReady
    routes = AdminRoutes(source: source, commands: commands, version: version, policy: policy)
  }

  /// Serves until the task is cancelled or a graceful shutdown begins; then the socket's file is gone.
  ///
  /// - Throws: `AdminError` if the address can't be taken, with what to do.
  package func run() async throws {
    if case .network = routes.policy.reach, routes.policy.token == nil {
      throw AdminError(
        description: "the admin API can't listen on \(listen) without a token, for others could reach it: give one "
          + "with --admin-token-file PATH, or use a Unix socket or tcp:127.0.0.1:PORT and forward the port; for scraping "
          + "alone there is --metrics")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      switch listen {
      case .tcp(let host, let port):
        // Not left to name resolution, which might know another localhost.
        let address = host.lowercased() == "localhost" ? "127.0.0.1" : host
        try await serve(on: .hostname(address, port: port), group: group) { channel in
          await onReady(.tcp(host: host, port: channel.localAddress?.port ?? port))
        }
      case .unix(let path):
        let socket = try await UnixSocket.prepare(path)
        defer { socket.remove() }
        try await serve(on: .unixDomainSocket(path: socket.temporaryPath), group: group) { _ in
          try socket.publish()
          await onReady(listen)
        }
      }
    } catch {
      try? await group.shutdownGracefully()
      throw AdminError(error, listen: listen, isMetrics: routes.policy.reach == .metricsOnly)
    }
    try? await group.shutdownGracefully()
  }

  private func serve(
    on address: BindAddress, group: MultiThreadedEventLoopGroup,
    onRunning: @escaping @Sendable (any Channel) async throws -> Void
  ) async throws {
    let logger = Logger(label: "admin") { _ in SwiftLogNoOpLogHandler() }
    let failure = Mutex<(any Error)?>(nil)
    let routes = self.routes
    let limits = self.limits
    let server = Server(
      childChannelSetup: HTTP1Channel(
        responder: { request, writer, _ in
          guard let answer = try await Self.answer(request, routes) else {
            // Cut off: there is nobody to answer, and nothing may be done.
            return
          }
          let head = HTTPResponse(status: answer.status, headerFields: answer.fields)
          if request.method == .head {
            try await writer.writeResponse(head)
          } else {
            try await writer.write(response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
          }
        },
        configuration: .init(
          additionalChannelHandlers: [RequestLimitsHandler(limits)], idleTimeout: limits.idle,
          httpDecoderConfiguration: .init(
            maxHeaderFieldSize: limits.headers_bytes, maxHeaderListSize: limits.headers_bytes,
            maxHeaderFieldCount: limits.headerCount))),
      configuration: ServerConfiguration(
        address: address, backlog: 64,
        availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: logger)),
      onServerRunning: { channel in
        do {
          try await onRunning(channel)
        } catch {
          failure.withLock { $0 = error }
          channel.close(promise: nil)
        }
      },
      eventLoopGroup: group, logger: logger)
    try await server.run()
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// Nil if the client went before its body was there.
  private static func answer(_ request: Request, _ routes: AdminRoutes) async throws -> Answer? {
    switch routes.begin(request.head) {
    case .answer(let answer): return answer
    case .body(let pending):
      var body: [UInt8] = []
      body.reserveCapacity(pending.length_bytes)
      for try await part in request.body {
        body += part.readableBytesView
        if body.count > CommandBody.most_bytes { return routes.tooLarge(pending) }
      }
      guard body.count == pending.length_bytes else { return nil }
      do throws(Problem) {
        return await routes.carryOut(try routes.order(pending, body: body))
      } catch {
        return Answer(error.at(pending.path))
      }
    }
  }

  struct Limits: Sendable {
    var connections = 64
    var headers_bytes = 16 << 10
    var headerCount = 100
    /// Of a body that nobody reads: what is refused by its head is let arrive up to here, so that the answer is not lost
    /// with the connection.
    var body_bytes = 256 << 10
    /// For a head to arrive from its first byte on, for a body from its head on, and for an answer to be taken.
    var transfer = TimeAmount.seconds(10)
    /// Between requests.
    var idle = TimeAmount.seconds(30)
  }
}
