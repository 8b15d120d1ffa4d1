import Testing

@testable import Pipeline

/// Random conversations, spoiled captures of them, and what must come out whatever was done to them.
struct ReassemblyModelTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var name: String
    var window = 0
    var drops = 0.0
    var repeats = 0.0
    /// Whether the sender sends some bytes again, with newer acknowledgements.
    var resends = true
    var turns = 120
    var initial: [UInt32] = [1000, 5000]
    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "in order"),
    Case(name: "repeated", repeats: 0.3),
    Case(name: "shuffled a little", window: 3),
    Case(name: "shuffled much", window: 24),
    Case(name: "shuffled and repeated", window: 16, repeats: 0.5),
    Case(name: "dropped", drops: 0.1, resends: false),
    Case(name: "dropped, but sent again", drops: 0.1),
    Case(name: "dropped, shuffled and repeated", window: 12, drops: 0.15, repeats: 0.3, resends: false),
    Case(name: "mostly dropped", window: 8, drops: 0.7, resends: false),
    Case(name: "long and dropped", window: 12, drops: 0.1, repeats: 0.1, resends: false, turns: 3000),
    Case(name: "everything", window: 12, drops: 0.1, repeats: 0.1, turns: 3000),
    Case(
      name: "wrapping", window: 12, drops: 0.05, repeats: 0.2, resends: false, turns: 400,
      initial: [0xffff_f000, 0xffff_ff00]),
    Case(name: "wrapping signs", window: 12, repeats: 0.2, turns: 400, initial: [0x7fff_f000, 0x7fff_ff00]),
  ]

  @Test(arguments: cases)
  func `every captured byte is handed on once, the others are holes, and causes come first`(_ test: Case) {
    let seeds: UInt64 = test.turns > 1000 ? 4 : 60
    for seed in 0..<seeds {
      var random = SplitMix64(seed: seed &* 977 &+ 13)
      var talk = Conversation(
        turns: test.turns, largest: 40, initial: test.initial, resends: test.resends, with: &random)
      talk.drop(share: test.drops, with: &random)
      talk.repeatSome(share: test.repeats, with: &random)
      talk.shuffle(window: test.window, with: &random)
      let run = Self.play(talk)
      #expect(run.wrongBytes == 0, "seed \(seed)")
      #expect(run.wrongHoles == 0, "seed \(seed)")
      #expect(run.recorder.reached == talk.totals, "seed \(seed)")
      #expect(run.recorder.events.filter { $0 == .ended(.first, .finished) }.count == 1, "seed \(seed)")
      #expect(run.recorder.events.filter { $0 == .ended(.second, .finished) }.count == 1, "seed \(seed)")
      let counters = run.recorder.counters
      #expect(Int(counters.bytes + counters.lost_bytes) == talk.totals[0] + talk.totals[1], "seed \(seed)")
      if test.drops == 0 || !test.resends {
        #expect(run.wrongOrder == 0, "seed \(seed)")
        #expect(counters.causality_forced == 0, "seed \(seed)")
      } else {
        // If only the copy sent again was captured, it may claim to be later than the answer to the original.
        #expect(run.wrongOrder <= Int(counters.causality_forced), "seed \(seed)")
      }
      #expect(counters.lost_hole_bytes == counters.lost_bytes)
    }
  }

  struct Run {
    var recorder: StreamRecorder
    var wrongBytes = 0
    var wrongHoles = 0
    var wrongOrder = 0
  }

  static func play(_ talk: Conversation, step_ns: Int64 = 10_000) -> Run {
    var run = Run(recorder: StreamRecorder())
    let recorder = run.recorder
    let missing = [talk.missing(.first), talk.missing(.second)]
    var cause = [0, 0]
    recorder.onBytes = { side, position, bytes in
      let mine = Int(side.rawValue)
      for place in 0..<bytes.byteCount {
        let byte = bytes.unsafeLoad(fromByteOffset: place, as: UInt8.self)
        if byte != Conversation.byte(side, position + place) { run.wrongBytes += 1 }
        if missing[mine][position + place] { run.wrongBytes += 1 }
      }
      let end = position + bytes.byteCount
      while cause[mine] < talk.causes[mine].count, talk.causes[mine][cause[mine]].end < end { cause[mine] += 1 }
      if cause[mine] < talk.causes[mine].count, talk.causes[mine][cause[mine]].acknowledged > recorder.reached[1 - mine]
      {
        run.wrongOrder += 1
      }
    }
    recorder.onLost = { side, position, count in
      for place in position..<position + count where !missing[Int(side.rawValue)][place] { run.wrongHoles += 1 }
    }
    var at = Timestamp(ns: 1_700_000_000_000_000_000)
    for packet in talk.packets {
      let (segment, payload) = talk.segment(packet, at: at)
      recorder.take(segment, payload, from: packet.side)
      at = at + step_ns
    }
    recorder.reassembler.flush(at: at, into: recorder)
    recorder.onBytes = nil
    recorder.onLost = nil
    return run
  }

  @Test func `any order of any segments comes to an end within the bound`() {
    var limits = Reassembler.Limits()
    limits.held_bytes = 4096
    for seed in 0..<12 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      var talk = Conversation(turns: 400, largest: 100, initial: [7, 0xffff_ff00], with: &random)
      talk.drop(share: 0.2, with: &random)
      talk.packets.shuffle(using: &random)
      let recorder = StreamRecorder(limits: limits)
      recorder.keepsBytes = false
      for (index, packet) in talk.packets.enumerated() {
        let (segment, payload) = talk.segment(packet, at: Timestamp(ns: Int64(index) * 1_000_000))
        recorder.take(segment, payload, from: packet.side)
        #expect(recorder.buffered_bytes <= 2 * 4096)
      }
      recorder.flush(at_ms: 400)
      #expect(!recorder.isWaiting)
      #expect(recorder.buffered_bytes == 0)
    }
  }

  @Test func `no field values do harm`() {
    let edges: [UInt32] = [0, 1, 2, 0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
    let lengths = [0, 1, 2, 100, 65_535, 1 << 20, 16 << 20, (16 << 20) + 1, .max, -1, .min]
    for seed in 0..<300 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      let recorder = StreamRecorder()
      recorder.keepsBytes = false
      var base: UInt32 = 0
      for _ in 0..<200 {
        if Int.random(in: 0..<8, using: &random) == 0 { base = edges.randomElement(using: &random) ?? 0 }
        let near = { (random: inout SplitMix64) in base &+ UInt32.random(in: 0..<400, using: &random) &- 200 }
        let wild = { (random: inout SplitMix64) in
          Int.random(in: 0..<10, using: &random) == 0 ? edges.randomElement(using: &random) ?? 0 : near(&random)
        }
        let length =
          Int.random(in: 0..<20, using: &random) == 0
          ? lengths.randomElement(using: &random) ?? 0 : Int.random(in: 0..<50, using: &random)
        let payload = [UInt8](repeating: 7, count: Int.random(in: 0..<60, using: &random))
        var segment = Segment(
          at: Timestamp(ns: Bool.random(using: &random) ? .random(in: .min ... .max, using: &random) : 0),
          source: StreamRecorder.client, destination: StreamRecorder.server, sequence: wild(&random),
          acknowledgement: wild(&random), flags: .ack, length: length)
        switch Int.random(in: 0..<30, using: &random) {
        case 0: segment.flags = [.syn]
        case 1: segment.flags = [.fin, .ack]
        case 2: segment.flags = [.rst]
        case 3: segment.flags = TCPFlags(rawValue: .random(in: 0...255, using: &random))
        default: break
        }
        if case .beginsAnew = recorder.take(segment, payload, from: Bool.random(using: &random) ? .first : .second) {
          recorder.reassembler = Reassembler()
        }
        if Int.random(in: 0..<50, using: &random) == 0 {
          recorder.reassembler.expire(at: Timestamp(ns: .random(in: .min ... .max, using: &random)), into: recorder)
        }
      }
      recorder.flush()
      #expect(recorder.buffered_bytes == 0)
    }
  }
}
