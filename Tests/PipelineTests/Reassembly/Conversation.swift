@testable import Pipeline

/// A random TCP conversation as a perfect observer would see it, and ways to spoil the capture of it.
struct Conversation {
  struct Packet {
    var side: Side
    /// Position in the stream; -1 for the SYN.
    var position: Int
    var count: Int
    var acknowledges: Int?
    var flags: TCPFlags
  }

  var packets: [Packet] = []
  /// Stream lengths.
  var totals = [0, 0]
  /// For each side: where each original segment ended, and what its sender had received by then.
  var causes: [[(end: Int, acknowledged: Int)]] = [[], []]
  let initial: [UInt32]

  init(turns: Int, largest: Int, initial: [UInt32], resends: Bool = true, with random: inout SplitMix64) {
    self.initial = initial
    packets.append(Packet(side: .first, position: -1, count: 0, acknowledges: nil, flags: .syn))
    packets.append(Packet(side: .second, position: -1, count: 0, acknowledges: 0, flags: [.syn, .ack]))
    packets.append(Packet(side: .first, position: 0, count: 0, acknowledges: 0, flags: .ack))
    var acknowledged = [0, 0]
    for _ in 0..<turns {
      let side: Side = Bool.random(using: &random) ? .first : .second
      let mine = Int(side.rawValue)
      let other = 1 - mine
      // The sender has received some or all of what is under way.
      acknowledged[mine] = Int.random(in: acknowledged[mine]...totals[other], using: &random)
      if Int.random(in: 0..<3, using: &random) > 0 { acknowledged[mine] = totals[other] }
      let kind = Int.random(in: 0..<10, using: &random)
      var count = kind < 3 ? 0 : Int.random(in: 1...largest, using: &random)
      var position = totals[mine]
      if kind == 9, resends, totals[mine] > 0 {
        // Sent again, in other pieces, with today's acknowledgement.
        position = Int.random(in: max(0, totals[mine] - 3 * largest)..<totals[mine], using: &random)
        count = min(count, totals[mine] - position)
      } else if count > 0 {
        totals[mine] += count
        causes[mine].append((totals[mine], acknowledged[mine]))
      }
      packets.append(
        Packet(side: side, position: position, count: count, acknowledges: acknowledged[mine], flags: .ack))
    }
    packets.append(
      Packet(side: .first, position: totals[0], count: 0, acknowledges: totals[1], flags: [.fin, .ack]))
    packets.append(
      Packet(side: .second, position: totals[1], count: 0, acknowledges: totals[0] + 1, flags: [.fin, .ack]))
    packets.append(Packet(side: .first, position: totals[0] + 1, count: 0, acknowledges: totals[1] + 1, flags: .ack))
  }

  /// Removes a share of the packets with payload.
  mutating func drop(share: Double, with random: inout SplitMix64) {
    packets.removeAll { $0.count > 0 && Double.random(in: 0..<1, using: &random) < share }
  }

  /// Repeats a share of the packets right after themselves; `shuffle` then moves them.
  mutating func repeatSome(share: Double, with random: inout SplitMix64) {
    packets = packets.flatMap { Double.random(in: 0..<1, using: &random) < share ? [$0, $0] : [$0] }
  }

  /// Moves each packet at most `window` places.
  mutating func shuffle(window: Int, with random: inout SplitMix64) {
    let keyed = packets.enumerated().map { (key: $0.offset + Int.random(in: 0...window, using: &random), $0) }
    packets = keyed.sorted { ($0.key, $0.1.offset) < ($1.key, $1.1.offset) }.map { $0.1.element }
  }

  /// Which bytes of a side no packet carries.
  func missing(_ side: Side) -> [Bool] {
    var missing = [Bool](repeating: true, count: totals[Int(side.rawValue)])
    for packet in packets where packet.side == side {
      for place in 0..<packet.count { missing[packet.position + place] = false }
    }
    return missing
  }

  static func byte(_ side: Side, _ position: Int) -> UInt8 {
    var x = UInt64(truncatingIfNeeded: position) &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(side.rawValue)
    x ^= x >> 29
    return UInt8(truncatingIfNeeded: x &* 0xbf58_476d_1ce4_e5b9 >> 40)
  }

  func segment(_ packet: Packet, at: Timestamp) -> (Segment, [UInt8]) {
    let mine = Int(packet.side.rawValue)
    let sequence = initial[mine] &+ 1 &+ UInt32(truncatingIfNeeded: packet.position)
    let acknowledgement = packet.acknowledges.map { initial[1 - mine] &+ 1 &+ UInt32(truncatingIfNeeded: $0) } ?? 0
    let segment = Segment(
      at: at, source: mine == 0 ? StreamRecorder.client : StreamRecorder.server,
      destination: mine == 0 ? StreamRecorder.server : StreamRecorder.client, sequence: sequence,
      acknowledgement: acknowledgement, flags: packet.flags, length: packet.count)
    let payload = (0..<packet.count).map { Self.byte(packet.side, packet.position + $0) }
    return (segment, payload)
  }
}

/// Random numbers from a seed, the same on every machine (Steele, Lea, Flood: SplitMix, 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
