package import AdminAPI
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The admin API on a Unix socket (mode 0660) or on loopback TCP.
///
/// In: HTTP/1.1 requests. Out: what `AdminRoutes` answers from the source's snapshot. Bounds: 64 connections, 16 KiB of
/// headers, 64 KiB of a body nobody reads, 10 s for a request to arrive and for an answer to be taken, 30 s of idling;
/// past any of them the connection is closed. One event loop thread. Nothing is logged.
package struct AdminServer: Sendable {
  private let listen: Listen
  private let routes: AdminRoutes
  private let limits: Limits
  private let onReady: @Sendable (Listen) async -> Void

  /// - Parameters:
  ///   - version: Shown in `/healthz` and `/metrics`.
  ///   - onReady: Called once connections are accepted, with the address (the port, if the kernel chose it).
  package init(
    listen: Listen, source: any ReportSource, version: String,
    onReady: @escaping @Sendable (Listen) async -> Void = { _ in }
  ) {
    self.init(listen: listen, source: source, version: version, limits: Limits(), onReady: onReady)
  }

  init(
    listen: Listen, source: any ReportSource, version: String, limits: Limits,
    onReady: @escaping @Sendable (Listen) async -> Void
  ) {
    self.listen = listen
    self.limits = limits
    self.onReady = onReady
    let isTCP = if case .tcp = listen { true } else { false }
    routes = AdminRoutes(source: source, version: version, checksHost: isTCP)
  }

  /// Serves until the task is cancelled or a graceful shutdown begins; then the socket's file is gone.
  ///
  /// - Throws: `AdminError` if the address can't be taken, with what to do.
  package func run() async throws {
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
      throw AdminError(error, listen: listen)
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
          let answer = routes.answer(request.head)
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

  struct Limits: Sendable {
    var connections = 64
    var headers_bytes = 16 << 10
    var headerCount = 100
    var body_bytes = 64 << 10
    /// For a request to arrive from its head on, and for an answer to be taken.
    var transfer = TimeAmount.seconds(10)
    /// Between requests, and until a request's head has arrived.
    var idle = TimeAmount.seconds(30)
  }
}
