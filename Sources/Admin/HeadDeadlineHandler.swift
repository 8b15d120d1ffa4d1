internal import NIOCore

/// Closes a connection whose request's head takes too long from its first byte on, however often a byte comes: that is
/// what the idle timeout can't see. The first handler of the pipeline; whoever sees parsed requests tells it.
final class HeadDeadlineHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let limit: TimeAmount
  private var isBetweenRequests = true
  private var deadline: Scheduled<Void>?

  init(_ limit: TimeAmount) { self.limit = limit }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isBetweenRequests, deadline == nil {
      let channel = context.channel
      deadline = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }
    context.fireChannelRead(data)
  }

  func headArrived() {
    isBetweenRequests = false
    deadline?.cancel()
    deadline = nil
  }

  /// Bytes from here on begin the next head.
  func requestArrived() { isBetweenRequests = true }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }
}
