// What a connection is used for, as far as holding its client's requests is concerned.

extension AMQPSession {
  var use: ConnectionUse {
    var use = ConnectionUse(publishes: publishes, heartbeat_ns: heartbeat_ns, isLeaving: isLeaving)
    for channel in channels.values {
      for entry in channel.consumers where !entry.isCancelled && ledger.isCurrent(entry.group) {
        if !use.groups.contains(entry.group) { use.groups.append(entry.group) }
        if let reason = ledger.consumers[entry.id].unholdable { use.unholdable = reason }
        if entry.noAck, !entry.isGet { use.isUnanswered = true }
      }
    }
    return use
  }

  /// Something of the client's ended: what it said of leaving was heard.
  func leaves() {
    isLeaving = false
    ledger.isPlanDue = true
  }

  /// Looks at bytes that the client sent and the kernel held, for the methods by which a client leaves: basic.cancel,
  /// channel.close, connection.close. It waits for their answers, perhaps until somebody kills it, so they are not to be
  /// held. The bytes may begin anywhere in a frame: a method's frame is looked for by its head. Bytes of a body that look
  /// like one let the connection go for nothing, which is the safe side.
  func peek(_ payload: RawSpan) -> Bool {
    guard !isLeaving, !isClosed, payload.byteCount >= Self.headBytes else { return false }
    for at in 0...(payload.byteCount - Self.headBytes) where payload.unsafeLoad(fromByteOffset: at, as: UInt8.self) == 1 {
      let size = payload.unsafeLoadUnaligned(fromByteOffset: at + 3, as: UInt32.self).bigEndian
      let method = payload.unsafeLoadUnaligned(fromByteOffset: at + 7, as: UInt32.self).bigEndian
      if size < Self.longestLeave_bytes, Self.leaving.contains(method) {
        isLeaving = true
        return true
      }
    }
    return false
  }

  /// Type, channel and size of a frame, class and method.
  private static var headBytes: Int { 11 }
  /// A short string or two and a few numbers.
  private static var longestLeave_bytes: UInt32 { 600 }
  /// connection.close, channel.close, basic.cancel: class and method as they stand in the frame.
  private static var leaving: [UInt32] { [10 << 16 | 50, 20 << 16 | 40, 60 << 16 | 30] }
}
