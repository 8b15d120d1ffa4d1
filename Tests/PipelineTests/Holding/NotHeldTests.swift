import Testing

@testable import Pipeline

@Suite struct NotHeldTests {
  @Test func `the names are those that the API has had, in the order in which they are told`() {
    #expect(
      NotHeld.allCases.map(\.rawValue) == [
        "mode is observe", "this is a replay", "run_over", "kernel", "hold limit", "low_coverage", "no_ack",
        "unlimited_prefetch", "acks_not_seen", "shared_publishes", "shared_group", "closing", "no_connection",
      ])
    #expect(NotHeld.allCases == NotHeld.allCases.sorted())
  }

  @Test(arguments: NotHeld.allCases)
  func `each has a sentence for people, which can stand in a script's string`(why: NotHeld) {
    #expect(!why.sentence.isEmpty && why.sentence.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
    #expect(!why.sentence.contains { "\"\\<".contains($0) })
    #expect(why.text(nil) == why.sentence && why.text("the kernel's words") == "the kernel's words")
  }

  @Test func `of several reasons the first is told, and all are counted`() throws {
    let hold = HoldBench()
    let shared = hold.bench.connect(cookie: 7)
    shared.consume("q")
    shared.publish("an event", key: "elsewhere")
    hold.bench.connect(cookie: 8).consume("q", noAck: true)
    _ = hold.command(.trip())
    let state = try hold.state()
    #expect(state.why == .noAck)
    #expect(state.hold?.left_alone == ["no_ack": 1, "shared_publishes": 1])
  }
}
