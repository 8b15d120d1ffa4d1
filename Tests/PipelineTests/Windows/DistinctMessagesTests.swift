import Testing

@testable import Pipeline

@Suite struct DistinctMessagesTests {
  /// Panes of a log, as a window keeps them.
  private struct Panes {
    var messages = DistinctMessages(panes: 10)
    var entries: [Int] = []

    mutating func next() {
      entries.append(messages.closePane())
      messages.advance(panes: 1)
      if entries.count == 10 { messages.evict(logEntries: entries.removeFirst()) }
    }
  }

  @Test(arguments: [1, 5, 1023, 1024]) func `is exact up to 1,024`(count: Int) {
    var messages = DistinctMessages(panes: 10)
    for round in 0..<3 {
      for i in 0..<count { messages.record(UInt64(i) &* 0x1_0000_0001, deadLetter: round == 0, acks: 0) }
    }
    #expect(messages.count == count)
    #expect(!messages.isEstimated)
    #expect(messages.untracked == 0)
    #expect(messages.deadLettered == count)
    #expect(!messages.isDeadLetteredEstimated)
    #expect(messages.hasDeadLettered(atLeast: count))
    #expect(!messages.hasDeadLettered(atLeast: count + 1))
  }

  @Test(arguments: [1100, 2000, 5000, 50_000, 1_000_000]) func `is estimated within 20 percent above`(count: Int) {
    var messages = DistinctMessages(panes: 10)
    for i in 0..<count { messages.record(UInt64(i), deadLetter: false, acks: 0) }
    #expect(messages.isEstimated)
    #expect(messages.untracked == UInt64(count - 1024))
    #expect(abs(Double(messages.count - count)) < 0.2 * Double(count))
    #expect(messages.deadLettered == 0)
    #expect(!messages.hasDeadLettered(atLeast: 1))
  }

  @Test(arguments: [1100, 5000, 50_000]) func `of those above, the dead-lettered ones are estimated by themselves`(
    count: Int
  ) {
    var messages = DistinctMessages(panes: 10)
    for i in 0..<count {
      for _ in 0..<3 { messages.record(UInt64(i), deadLetter: false, acks: 0) }
      if i % 2 == 0 { messages.record(UInt64(i), deadLetter: true, acks: 0) }
    }
    #expect(messages.isDeadLetteredEstimated)
    #expect(abs(Double(messages.deadLettered - count / 2)) < 0.2 * Double(count / 2))
    #expect(abs(Double(messages.count - count)) < 0.2 * Double(count))
    #expect(messages.hasDeadLettered(atLeast: 512))
  }

  @Test func `a dead letter that left the window counts no more, although its message still fails`() {
    var panes = Panes()
    for i in 0..<1500 { panes.messages.record(UInt64(i), deadLetter: i % 2 == 0, acks: 0) }
    #expect(panes.messages.isDeadLetteredEstimated)
    for _ in 0..<9 {
      panes.next()
      panes.messages.record(2, deadLetter: false, acks: 0)
      #expect(panes.messages.hasDeadLettered(atLeast: 512))
    }
    panes.next()
    #expect(panes.messages.count == 1)
    #expect(panes.messages.deadLettered == 0)
    panes.messages.record(2, deadLetter: true, acks: 0)
    #expect(panes.messages.deadLettered == 1)
  }

  @Test func `becomes exact again when the messages without room have left`() {
    var panes = Panes()
    for i in 0..<3000 { panes.messages.record(UInt64(i), deadLetter: false, acks: 0) }
    for _ in 0..<9 {
      panes.next()
      panes.messages.record(7, deadLetter: false, acks: 0)
      #expect(panes.messages.isEstimated)
    }
    panes.next()
    #expect(!panes.messages.isEstimated)
    #expect(panes.messages.count == 1)
  }

  @Test func `counts failures of a message exactly while it comes and goes`() {
    var panes = Panes()
    var random = SplitMix64(seed: 9)
    var truth: [[UInt64: UInt32]] = [[:]]
    for _ in 0..<500 {
      for _ in 0..<random.next() % 200 {
        let message = random.next() % (1 + random.next() % 300)
        panes.messages.record(message, deadLetter: false, acks: 0)
        truth[truth.count - 1][message, default: 0] += 1
      }
      let sum = truth.reduce(into: [UInt64: UInt32]()) { $0.merge($1, uniquingKeysWith: +) }
      #expect(panes.messages.count == sum.count)
      if let named = panes.messages.dominating(failures: 1, numerator: 0, denominator: 1) {
        #expect(named.failures == sum.values.max())
        #expect(sum[named.messages[0]] == named.failures)
      } else {
        #expect(sum.isEmpty)
      }
      panes.next()
      truth.append([:])
      if truth.count > 10 { truth.removeFirst() }
    }
  }

  @Test func `counts more failures in one pane than a log entry holds`() {
    var panes = Panes()
    for _ in 0..<200_000 { panes.messages.record(1, deadLetter: true, acks: 0) }
    panes.next()
    #expect(panes.entries == [4])
    #expect(panes.messages.dominating(failures: 200_000)?.deadLetters == 200_000)
    for _ in 0..<9 { panes.next() }
    #expect(panes.messages.count == 0)
  }

  @Test func `names the fewest messages that make the share, most first`() {
    var messages = DistinctMessages(panes: 10)
    for (message, failures) in [(1, 5), (2, 50), (3, 30), (4, 10), (5, 5)] {
      for _ in 0..<failures { messages.record(UInt64(message), deadLetter: false, acks: 0) }
    }
    let named = messages.dominating(failures: 100)
    #expect(named?.count == 2)
    #expect(named?.messages[0] == 2)
    #expect(named?.messages[1] == 3)
    #expect(named?.failures == 80)
  }

  @Test func `four messages may be named, five are too many`() {
    var messages = DistinctMessages(panes: 10)
    for _ in 0..<20 { for message in 1...4 { messages.record(UInt64(message), deadLetter: false, acks: 0) } }
    #expect(messages.dominating(failures: 80)?.count == 4)
    for _ in 0..<20 { messages.record(5, deadLetter: false, acks: 0) }
    #expect(messages.dominating(failures: 100)?.count == 4)  // exactly 80 %
    messages.record(6, deadLetter: false, acks: 0)
    #expect(messages.dominating(failures: 101) == nil)
    #expect(DistinctMessages(panes: 10).dominating(failures: 0) == nil)
  }

  @Test func `forgets everything at once`() {
    var messages = DistinctMessages(panes: 10)
    for i in 0..<5000 { messages.record(UInt64(i), deadLetter: false, acks: 0) }
    messages.removeAll()
    #expect(messages.count == 0)
    #expect(!messages.isEstimated)
    for i in 0..<1024 { messages.record(UInt64(i + 9000), deadLetter: false, acks: 0) }
    #expect(messages.count == 1024)
  }
}
