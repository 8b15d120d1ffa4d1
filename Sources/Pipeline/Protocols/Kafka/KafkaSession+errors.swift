// Errors that brokers answer a group's commits, joins and fetches with, counted by group.

extension KafkaSession {
  /// `request`: as Kafka's protocol guide calls it. Of a group that has consumed nothing yet it is counted once it does.
  func countError(_ code: Int16, to request: String, of group: KafkaGroup) {
    // A member that joins for the first time is told its id so (KIP-394).
    guard code != KafkaError.none, code != KafkaError.memberIDRequired, !group.isForeign else { return }
    let error = BrokerError(code: Int(code), request: request, text: KafkaError.name(of: code))
    if let id = group.id {
      ledger.countBrokerError(error, of: id)
    } else if group.earlyErrors.count < BrokerErrors.bound {
      group.earlyErrors.append(error)
    }
  }

  func countError(_ code: Int16, to request: String, _ name: Text, in frame: RawSpan) {
    guard code != KafkaError.none, let group = group(name, in: frame) else { return }
    countError(code, to: request, of: group)
  }
}
