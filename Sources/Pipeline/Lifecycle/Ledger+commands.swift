// What moves a breaker besides settlements and time: operators, and answers that are seen before they pass.

extension Ledger {
  /// The group of that key; nil if there is none, or there are several and no cluster is named.
  func find(key: String, cluster: String?) -> Group? {
    let found = groups.filter {
      $0.key == key && (cluster == nil || clusters.name(of: $0.cluster) == cluster)
    }
    return found.count == 1 ? found.first : nil
  }

  /// Nil if there is no such group.
  func apply(
    _ command: BreakerCommand, note: OperatorNote?, key: String, cluster: String?, ifRevision: UInt64?
  ) -> CommandResult? {
    guard let group = find(key: key, cluster: cluster) else { return nil }
    let result = group.monitor.apply(command, note: note, ifRevision: ifRevision, at: now)
    group.quietUntil = .zero
    if case .changed(let transition) = result { transitions.append((group, transition)) }
    return result
  }

  /// The consumer has answered, and the answer is still held. In half-open the breaker uses it at once: to judge the probe
  /// otherwise, it would have to release the answer, and that would bring new deliveries. What the probes met counts it as
  /// well. The delivery is settled when the bytes pass. `settlement` nil: how is not known yet.
  func answeredHeld(_ id: DeliveryID, as settlement: Settlement?, at: Timestamp) {
    let at = advance(to: at)
    let delivery = deliveries[id]
    let group = groups[Int(delivery.group)]
    // A rate that holds while it is closed makes no difference to the breaker.
    if !group.monitor.breaker.isClosed { deliveries[id].flags.insert(.answeredHeld) }
    guard let settlement, group.monitor.wantsForetold(deliveredAt: delivery.at),
      delivery.flags.isDisjoint(with: [.foretold, .paired, .credit])
    else { return }
    deliveries[id].flags.insert(.foretold)
    let outcome = Outcome(
      settlement: settlement, attempt: delivery.attempt, delay_ns: nil, settleLatency_ns: 0, message: delivery.message,
      deliveredAt: delivery.at)
    group.quietUntil = .zero
    if group.monitor.foretell(outcome, at: at), let transition = group.monitor.lastTransition {
      transitions.append((group, transition))
    }
  }
}
