import Testing

@testable import Pipeline

/// Random facts, which no broker would send in that order: the books must balance after each, and stay small.
@Suite struct KafkaSoakTests {
  private struct Chaos {
    var random: SplitMix64
    let bench: KafkaBench
    var links: [KafkaLink] = []
    var facts = 0

    init(seed: Int) {
      random = SplitMix64(seed: UInt64(seed))
      bench = KafkaBench {
        $0.limits.inFlight = 300
        $0.limits.groups = 3
      }
      for i in 0..<8 { links.append(bench.connect(process: "p\(i % 3)", broker: UInt32(i % 2), client: "c\(i % 2)")) }
    }

    mutating func pick(_ n: Int) -> Int { Int.random(in: 0..<n, using: &random) }
    mutating func chance(_ percent: Int) -> Bool { pick(100) < percent }
    mutating func group() -> String { "g\(pick(5))" }
    mutating func member() -> String { "m\(pick(6))" }
    mutating func place() -> String { (chance(20) ? "#\(pick(4) + 1)" : "orders\(pick(3))") + "-\(pick(4))" }
    mutating func places() -> [String] { (0..<pick(5)).map { _ in "orders\(pick(3))-\(pick(4))" } }
    mutating func offset() -> Int64 {
      switch pick(20) {
      case 0: [.max, .max - 1, .min, -1, 1 << 62][pick(5)]
      default: Int64(pick(60))
      }
    }
    mutating func error() -> Int16 { chance(80) ? 0 : Int16([1, 6, 14, 16, 22, 25, 27, 47, 82, 110][pick(10)]) }

    mutating func got() -> KafkaGot {
      let first = Int64(pick(50))
      var got = KafkaGot("\(place())@\(first)...\(first + Int64(pick(12)))")
      got.error = error()
      got.codec = chance(50) ? .none : .lz4
      got.magic = chance(80) ? 2 : 1
      got.isControl = chance(5)
      got.isAborted = chance(10)
      got.lastStableOffset = Int64(pick(60)) - 1
      if chance(10) { got.marks = [("retry_topic-attempts", KafkaBytes.i32(pick(5)))] }
      return got
    }

    mutating func copy(_ link: KafkaLink) {
      let topic = "orders\(pick(3))"
      let topics = ["\(topic).dlq", "dead-letters", "\(topic)-retry", "billing"]
      let headers = [
        [], KafkaCopies.spring(topic, pick(4), pick(60)), [("offset", Array("\(pick(60))".utf8))],
      ][pick(3)]
      link.produce(
        topics[pick(4)], value: "\(topic)-\(pick(4))@\(pick(60))", headers: headers,
        codec: chance(60) ? .none : .gzip, count: Int32(pick(4)), producer: Int64(pick(3)) - 1,
        sequence: Int32(pick(6)))
    }

    mutating func share(_ link: KafkaLink) {
      let share = KafkaShareLink(bench, member())
      let first = Int64(pick(20))
      share.acquire(
        "#\(pick(3) + 1)-0@\(first)...\(first + 5)", acquired: [(first, first + Int64(pick(9)), Int16(pick(4)))],
        lock_ms: Int32(pick(3_000)))
      let types = (0..<(1 + pick(6))).map { _ in KafkaAcknowledgeType(rawValue: UInt8(pick(5))) ?? .gap }
      share.acknowledge(
        "#\(pick(3) + 1)-0@\(first)...\(first + 4)", types, error: error(), first: chance(10) ? offset() : nil)
      if chance(40) { share.close(acknowledging: "#1-0@0...9") }
      if chance(60) { share.link.end(client: chance(50)) }
    }

    mutating func step() {
      let chosen = pick(links.count)
      let link = links[chosen]
      switch pick(22) {
      case 0..<6:
        link.fetch(
          places().map { "\($0)@\(offset())" }, epoch: Int32(pick(4)) - 1, forgotten: chance(20) ? [place()] : [],
          readsCommitted: chance(30), replica: chance(2) ? 1 : -1)
        if chance(80) { link.answer((0..<pick(4)).map { _ in got() }) }
      case 6..<9: link.answer((0..<pick(4)).map { _ in got() })
      case 9..<12:
        link.commit(
          group(), chance(90) ? member() : "", generation: Int32(pick(5)) - 1, places().map { "\($0)@\(offset())" },
          error: error(), producer: chance(30) ? Int64(pick(4)) : nil)
      case 12: link.join(group(), member(), places(), generation: Int32(pick(40)), type: chance(95) ? "consumer" : "sr")
      case 13:
        link.heartbeat(
          group(), member(), epoch: Int32(pick(9)) - 2, answered: Int32(pick(9)),
          assigned: chance(50) ? places() : nil, error: error())
      case 14: link.heartbeat(group(), member(), generation: Int32(pick(5)), error: error())
      case 15: if chance(30) { link.leave(group(), member()) } else { link.leaderEpoch(place()) }
      case 16: link.endTransaction(Int64(pick(4)), commits: chance(50), error: error())
      case 17: copy(link)
      case 18: share(link)
      case 19: link.metadata("orders\(pick(3))", id: UInt64(pick(4)) + 1)
      case 20: link.offsetFetched(group(), "\(place())@\(offset())")
      default:
        if chance(30) {
          let i = pick(links.count)
          links[i].end(client: chance(60), chance(90) ? .finished : .forgotten)
          links[i] = bench.connect(process: "p\(pick(3))", broker: UInt32(pick(2)), client: "c\(pick(2))")
        } else {
          bench.pass(Double(pick(4_000)) / 1_000)
        }
      }
      facts += 1
    }
  }

  @Test(arguments: 0..<8) func `the books balance whatever is said`(seed: Int) {
    var chaos = Chaos(seed: seed)
    for _ in 0..<3_000 { chaos.step() }
    let ledger = chaos.bench.ledger
    #expect(ledger.groups.count <= 3)
    #expect(ledger.deliveries.count <= 300)
    #expect(chaos.bench.told > 12_500)
    #expect(ledger.consumers.count <= 300)
    chaos.bench.state.finish(at: chaos.bench.now)
    chaos.bench.check()
    #expect(ledger.groups.contains { $0.totals.settled > 0 })
    for group in ledger.groups {
      for partition in group.partitions {
        #expect(partition.totals.settled <= partition.totals.delivered)
      }
    }
  }
}
