import Testing

@testable import Pipeline

@Suite struct EventOrderTests {
  /// Timers run out between two evaluations, and commands come between two facts.
  @Test func `what is told is told in the order of its time`() throws {
    let hold = HoldBench {
      $0.breaker.openBase_ns = .milliseconds(130)
      $0.breaker.tripOpen_ns = 0
    }
    let queues = ["a", "b", "c"]
    for (index, queue) in queues.enumerated() { hold.bench.connect(cookie: UInt64(7 + index)).consume(queue) }
    var told: [Timestamp] = []
    for step in 0..<300 {
      hold.bench.pass(0.007)
      if step % 11 == 0 {
        let key = GroupKey.rabbitmq(vhost: "/", queue: queues[step / 11 % 3])
        let note = OperatorNote(author: "on call", reason: "test")
        #expect(hold.bench.engine.apply(step % 2 == 0 ? .trip() : .reset, note: note, key: key, cluster: nil) != nil)
      }
      for effect in hold.bench.engine.takeEffects() {
        switch effect {
        case .transition(let transition, _, _, _): told.append(transition.at)
        case .holding(let event, _, _, _): told.append(event.at)
        case .alert(let alert, _, _, _): told.append(alert.at)
        case .interest: break
        }
      }
    }
    #expect(told.count > 40)
    #expect(told == told.sorted())
  }
}
