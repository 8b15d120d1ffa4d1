internal import NIOCore
internal import NIOHTTPTypes

/// Closes a connection whose request has too large a body or takes too long to arrive, or whose client doesn't take the
/// answer. Sits behind the HTTP decoder; puts a `HeadDeadlineHandler` before it for slow heads.
final class RequestLimitsHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let limits: AdminServer.Limits
  private let heads: HeadDeadlineHandler
  private var body_bytes = 0
  private var receiving: Scheduled<Void>?
  private var sending: Scheduled<Void>?

  init(_ limits: AdminServer.Limits) {
    self.limits = limits
    heads = HeadDeadlineHandler(limits.transfer)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    do {
      try context.pipeline.syncOperations.addHandler(heads, position: .first)
    } catch {
      // Not without its limits.
      context.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head:
      heads.headArrived()
      body_bytes = 0
      receiving?.cancel()
      receiving = closeLater(context)
    case .body(let part):
      body_bytes += part.readableBytes
      if body_bytes > limits.body_bytes { return context.close(promise: nil) }
    case .end:
      receiving?.cancel()
      heads.requestArrived()
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head:
      sending?.cancel()
      sending = closeLater(context)
      context.write(data, promise: promise)
    case .body:
      context.write(data, promise: promise)
    case .end:
      let taken = promise ?? context.eventLoop.makePromise()
      let timer = sending
      taken.futureResult.whenComplete { _ in timer?.cancel() }
      context.write(data, promise: taken)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    receiving?.cancel()
    sending?.cancel()
    context.fireChannelInactive()
  }

  private func closeLater(_ context: ChannelHandlerContext) -> Scheduled<Void> {
    let channel = context.channel
    return context.eventLoop.scheduleTask(in: limits.transfer) { channel.close(promise: nil) }
  }
}
