import Testing

@testable import Pipeline

/// A protocol that nobody has heard of, through the whole path: what it takes is its folder and a line in the list.
@Suite struct FerryTests {
  private static let protocols = BrokerProtocols.all + [FerryProtocol.self]

  private func bench(_ change: (inout Settings) -> Void = { _ in }) -> AMQPBench {
    let bench = AMQPBench()
    var settings = Settings()
    change(&settings)
    bench.engine = Engine(
      settings: settings, target: "bench", origin: .replay, hashKey: (1, 2), protocols: Self.protocols)
    return bench
  }

  private func board(_ bench: AMQPBench) -> AMQPLink {
    let link = bench.connect(vhost: nil)
    link.segment(.client, [], flags: .syn)
    link.segment(.server, [], flags: [.syn, .ack])
    say(link, .client, "FERRY 1\nTAKE orders:new\n")
    return link
  }

  private func say(_ link: AMQPLink, _ end: AMQPLink.End, _ text: String) { link.send(end, Array(text.utf8)) }

  @Test func `its deliveries are counted, settled, timed out and lost, beside those of the others`() throws {
    let bench = bench()
    let link = board(bench)
    let rabbit = bench.connect()
    rabbit.consume("q")
    rabbit.ack(rabbit.deliver("1"))
    for i in 0..<5 { say(link, .server, "MSG m\(i) body of it\n") }
    say(link, .client, "DONE m0\nAGAIN m1\n")
    say(link, .server, "MSG m1 again body of it\n")
    say(link, .client, "DONE m1\nDONE m9\n")
    bench.pass(5.2)
    say(link, .server, "MSG m5 x\nMSG m6 x\n")
    link.finish(.client)
    bench.pass(1)
    let group = try bench.group("ferry:orders%3Anew")
    #expect(group.system == "ferry")
    #expect(group.totals.expired == 3)
    #expect(
      bench.counts(of: group) == [
        "delivered": 8, "redelivered": 1, "acked": 2, "requeued": 1, "crashed": 1, "abandoned": 1, "expired": 3,
      ])
    #expect(group.attempts.max == 2)
    #expect(try bench.counts("q") == ["delivered": 1, "acked": 1])
    #expect(bench.engine.report().capture.dropped["unmatched_settlements"] == 1)
  }

  @Test func `its storm opens the breaker`() throws {
    let bench = bench { $0.breaker.jitter = 0 }
    let link = board(bench)
    for round in 0..<8 {
      for i in 0..<20 {
        say(link, .server, "MSG m\(i) \(round > 0 ? "again" : "x")\n")
        say(link, .client, "AGAIN m\(i)\n")
      }
      if round < 7 { bench.pass(9) }
    }
    let group = try bench.group("ferry:orders%3Anew")
    #expect(group.verdict.kind == .storm)
    #expect(group.breaker.transitions.first?.to == .open)
  }

  @Test func `its recordings hold no bodies`() throws {
    let answer = Detector.Answer.known(.ferry, client: .first)
    var redactor = try #require(Redactor(answer, hashKey: KeyedHash.Key(1, 2), protocols: Self.protocols))
    var out: [UInt8] = []
    let line = Array("MSG m1 secret\n".utf8)
    redactor.receive(line.span.bytes, from: .second, into: &out)
    #expect(String(decoding: out, as: UTF8.self) == "MSG m1 \0\0\0\0\0\0\n")
  }
}
