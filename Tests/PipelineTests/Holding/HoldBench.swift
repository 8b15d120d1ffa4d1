import Testing

@testable import Pipeline

/// A live engine in mode `enforce`, and what it asked of the kernel so far.
final class HoldBench {
  let bench: AMQPBench
  /// Stands for the kernel: notes what it was asked.
  let kernel = NotingSwitch()
  var held: [UInt64: HoldTerms] { kernel.held }
  var refused: Set<Endpoint> { kernel.refused }
  private(set) var events: [HoldEvent] = []
  private(set) var transitions: [Transition] = []
  /// Whether traffic was held, as told with each transition.
  private(set) var heldAtTransition: [Bool] = []

  init(_ change: (inout Settings) -> Void = { _ in }) {
    bench = AMQPBench(origin: .live) {
      $0.mode = .enforce
      $0.breaker.jitter = 0
      change(&$0)
    }
    bench.engine.holdSwitch = kernel
  }

  /// Takes what the engine wants done.
  func settle() {
    for effect in bench.engine.takeEffects() {
      switch effect {
      case .holding(let event, _, _, _): events.append(event)
      case .transition(let transition, let group, _, _):
        transitions.append(transition)
        heldAtTransition.append(group.breaker.held)
      case .interest: break
      }
    }
  }

  func pass(_ seconds: Double) {
    bench.pass(seconds)
    settle()
  }

  /// The client sends bytes that the kernel holds: nothing of its stream moves on.
  func peek(_ link: AMQPLink, _ bytes: [UInt8]) {
    bench.now = bench.now + .milliseconds(1)
    let segment = Segment(
      at: bench.now, source: link.client, destination: link.server, sequence: 0, length: bytes.count,
      cookie: link.cookie, direction: .egress)
    bench.engine.peek(segment, bytes.span.bytes)
    settle()
  }

  func command(_ command: BreakerCommand, _ queue: String = "q") -> CommandResult? {
    defer { settle() }
    return bench.engine.apply(
      command, note: OperatorNote(author: "on call", reason: "test"),
      key: GroupKey.rabbitmq(vhost: "/", queue: queue), cluster: nil)
  }

  func state(_ queue: String = "q") throws -> Report.Breaker {
    try bench.group(GroupKey.rabbitmq(vhost: "/", queue: queue)).breaker
  }

  /// Rejects enough messages at the first try for `dead-letter-flood`.
  func flood(_ link: AMQPLink) {
    for i in 0..<50 { link.reject(link.deliver("m\(i)"), requeue: false) }
    settle()
  }
}

/// A `HoldSwitch` that holds nothing and notes what it was asked.
final class NotingSwitch: HoldSwitch {
  private(set) var held: [UInt64: HoldTerms] = [:]
  private(set) var refused: Set<Endpoint> = []
  /// Why nothing more can be held; nil if it can.
  var why: String?
  /// What a released connection had counted.
  var counters: [UInt64: HoldCounters] = [:]

  func hold(_ cookie: UInt64, _ terms: HoldTerms) -> String? {
    if why == nil { held[cookie] = terms }
    return why
  }

  func release(_ cookie: UInt64) -> HoldCounters? {
    held[cookie] = nil
    return counters[cookie]
  }

  func refuse(_ endpoint: Endpoint) -> String? {
    if why == nil { refused.insert(endpoint) }
    return why
  }

  func allow(_ endpoint: Endpoint) { refused.remove(endpoint) }
}
