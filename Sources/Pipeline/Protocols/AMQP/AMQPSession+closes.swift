// What the broker says when it closes a channel or a connection.

extension AMQPSession {
  /// The channel's deliveries go back to their queues; what the client still acknowledges on it is void.
  func serverCloses(_ number: UInt16, _ close: AMQPClose, in frame: RawSpan, at: Timestamp) {
    let channel = known(number)
    // RabbitMQ says it again and again to a client that does not answer.
    if channel?.phase == .closedByServer { return }
    let groups = channel.map { Set(($0.consumers + $0.retired).map(\.group)) } ?? []
    count(close, of: groups.isEmpty ? served : Array(groups), in: frame)
    closeChannel(number, as: .closedByServer, close.isTimeout(in: frame) ? .timedOut : .inOrder, at: at)
  }

  /// Counts it for these groups.
  func count(_ close: AMQPClose, of groups: [GroupID], in frame: RawSpan) {
    guard !groups.isEmpty else { return }
    let error = BrokerError(
      code: Int(close.code), request: close.request, text: AMQPClose.withoutValues(close.reason.string(in: frame)))
    for group in groups { ledger.countBrokerError(error, of: group) }
  }
}

extension AMQPClose {
  /// The broker waited for an acknowledgement as long as its `consumer_timeout` says (RabbitMQ, "Consumer Acknowledgement
  /// Timeout"): `PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. …`.
  func isTimeout(in frame: RawSpan) -> Bool {
    guard code == 406 else { return false }
    let text = reason.string(in: frame)
    return text.contains("delivery acknowledgement") && text.contains("timed out")
  }

  /// The method that failed, as the specification names it; empty if none did, its numbers if it is not known.
  var request: String {
    if classID == 0, methodID == 0 { return "" }
    return Self.requests[Int(classID) * 1000 + Int(methodID)] ?? "\(classID).\(methodID)"
  }

  /// The text without quoted values that may be a message's or a credential: names of queues, exchanges, virtual hosts
  /// and arguments stay, and an operator's reason.
  static func withoutValues(_ text: String) -> String {
    var told = ""
    var isQuoted = false
    var lastWord = ""
    for part in text.split(separator: "'", omittingEmptySubsequences: false) {
      if isQuoted {
        told += Self.named.contains(lastWord) ? "'\(part)'" : "'…'"
      } else {
        told += part.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
          .map { $0.offset % 2 == 0 ? String($0.element) : "…" }.joined(separator: "\"")
        lastWord = part.split(separator: " ").last.map(String.init) ?? ""
      }
      isQuoted.toggle()
    }
    return told
  }

  private static let named: Set<String> = ["queue", "exchange", "vhost", "arg", "reason"]
  private static let requests = [
    10_040: "connection.open", 20_010: "channel.open", 20_020: "channel.flow", 40_010: "exchange.declare",
    40_020: "exchange.delete", 40_030: "exchange.bind", 40_040: "exchange.unbind", 50_010: "queue.declare",
    50_020: "queue.bind", 50_030: "queue.purge", 50_040: "queue.delete", 50_050: "queue.unbind", 60_010: "basic.qos",
    60_020: "basic.consume", 60_030: "basic.cancel", 60_040: "basic.publish", 60_070: "basic.get",
    60_080: "basic.ack", 60_090: "basic.reject", 60_110: "basic.recover", 60_120: "basic.nack",
    85_010: "confirm.select", 90_010: "tx.select", 90_020: "tx.commit", 90_030: "tx.rollback",
  ]
}
