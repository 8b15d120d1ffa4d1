import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A local HTTP server that answers as it is told and remembers what it got.
final class Receiver: Sendable {
  struct Request: Sendable {
    var head: HTTPRequestHead
    var body: String
    var at: ContinuousClock.Instant
  }

  enum Reply: Sendable {
    case status(Int, [(String, String)] = [])
    /// Takes the request and never answers.
    case hang
    case close
  }

  let got = Mutex<[Request]>([])
  private let reply: @Sendable (Int, Request) -> Reply

  init(_ reply: @escaping @Sendable (Int, Request) -> Reply) { self.reply = reply }

  var requests: [Request] { got.withLock { $0 } }

  func serve<Result>(_ body: (Int) async throws -> Result) async throws -> Result {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(self))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    defer { channel.close(promise: nil) }
    return try await body(channel.localAddress?.port ?? 0)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let receiver: Receiver
    private var head: HTTPRequestHead?
    private var body = ""

    init(_ receiver: Receiver) { self.receiver = receiver }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        self.head = head
        body = ""
      case .body(let buffer): body += String(buffer: buffer)
      case .end:
        guard let head else { return }
        let request = Request(head: head, body: body, at: .now)
        let number = receiver.got.withLock {
          $0.append(request)
          return $0.count
        }
        switch receiver.reply(number, request) {
        case .status(let code, let fields):
          var headers = HTTPHeaders(fields)
          headers.add(name: "Content-Length", value: "0")
          let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: code), headers: headers)
          context.write(wrapOutboundOut(.head(head)), promise: nil)
          context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .hang: break
        case .close: context.close(promise: nil)
        }
      }
    }
  }
}
