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
  private(set) var alerts: [Alert] = []
  private(set) var transitions: [Transition] = []
  /// Whether traffic was held, as told with each transition.
  private(set) var heldAtTransition: [Bool] = []
  /// Up to where each client's bytes were shown while they were held.
  private var shown: [UInt64: UInt32] = [:]

  init(_ change: (inout Settings) -> Void = { _ in }) {
    bench = AMQPBench(origin: .live) {
      $0.mode = .enforce
      $0.breaker.jitter = 0
      change(&$0)
    }
    kernel.now = { [unowned bench] in bench.now }
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
      case .alert(let alert, _, _, _): alerts.append(alert)
      case .interest: break
      }
    }
  }

  func pass(_ seconds: Double) {
    bench.pass(seconds)
    settle()
  }

  /// The client sends bytes that the kernel holds and shows, behind all that it has sent or tried to send. Nothing of its
  /// stream moves on. `skipping`: so many bytes before them are not shown.
  func peek(_ link: AMQPLink, _ bytes: [UInt8], skipping: Int = 0) {
    bench.now = bench.now + .milliseconds(1)
    var start = link.clientNext
    if let shown = shown[link.cookie], Int32(bitPattern: shown &- start) > 0 { start = shown }
    start &+= UInt32(skipping)
    shown[link.cookie] = start &+ UInt32(bytes.count)
    let segment = Segment(
      at: bench.now, source: link.client, destination: link.server, sequence: start, length: bytes.count,
      cookie: link.cookie, direction: .egress)
    bench.engine.peek(segment, bytes.span.bytes)
    settle()
  }

  /// From here on the kernel shows again what it had shown.
  func forgetShown() { shown = [:] }

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

/// A `HoldSwitch` that holds nothing and notes what it was asked. As in the kernel, an order lasts `longest_ns` at most.
final class NotingSwitch: HoldSwitch {
  var longest_ns: Int64 = .seconds(155)
  var now: () -> Timestamp = { .zero }
  private var holds: [UInt64: (terms: HoldTerms, until: Timestamp)] = [:]
  private var refusals: [Endpoint: Timestamp] = [:]
  var held: [UInt64: HoldTerms] { holds.filter { now() < $0.value.until }.mapValues(\.terms) }
  var refused: Set<Endpoint> { Set(refusals.filter { now() < $0.value }.keys) }
  /// Why nothing more can be held; nil if it can.
  var why: String?
  var keepalives: [UInt64: Keepalive] = [:]
  var releases: [(cookie: UInt64, after_ns: Int64)] = []
  /// What a released connection had counted.
  var counters: [UInt64: HoldCounters] = [:]

  func hold(_ cookie: UInt64, _ terms: HoldTerms) -> String? {
    if why == nil { holds[cookie] = (terms, now() + longest_ns) }
    return why
  }

  func release(_ cookie: UInt64, after_ns: Int64) -> HoldCounters? {
    holds[cookie] = nil
    releases.append((cookie, after_ns))
    return counters[cookie]
  }

  func keepalive(_ cookie: UInt64) -> Keepalive { keepalives[cookie] ?? .nudge }

  func refuse(_ endpoint: Endpoint) -> String? {
    if why == nil { refusals[endpoint] = now() + longest_ns }
    return why
  }

  func allow(_ endpoint: Endpoint) { refusals[endpoint] = nil }
}
