import Testing

@testable import Pipeline

/// What the conversation table cannot show: large frames, bodies that contain AMQP, joins in the middle.
@Suite struct AMQPResyncTests {
  static let deliver = AMQPSample.parse("01 0001 00000013 003C 003C 01 't' 0000000000000001 00 00 02 'q1' CE")
  static let ack = AMQPSample.parse("01 0001 0000000D 003C 0050 0000000000000001 00 CE")
  static let publish = AMQPSample.parse(
    "01 0001 0000000D 003C 0028 0000 00 04 'jobs' 00 CE")

  static func header(_ size: Int) -> [UInt8] {
    AMQPSample.parse("02 0001 0000000E 003C 0000 00000000") + be32(size) + AMQPSample.parse("0000 CE")
  }
  static func body(_ bytes: [UInt8]) -> [UInt8] { [3, 0, 1] + be32(bytes.count) + bytes + [0xce] }
  static func be32(_ n: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: n >> (24 - 8 * $0)) } }
  static let start = AMQPSide.server.stream.samples[0].bytes
  static let tune = AMQPSide.server.stream.samples[2].bytes

  @Test func `counts a gap inside a body as body bytes and stays in sync`() {
    var feed = AMQPFeed(.server)
    feed.receive(
      (Self.start + Self.deliver + Self.header(1_000) + Self.body(Array(repeating: 7, count: 1_000)))[
        ..<(Self.start.count + 27 + 22 + 7 + 100)])
    feed.lost(850)
    feed.receive(([UInt8](repeating: 7, count: 50) + [0xce] + Self.deliver)[...])
    #expect(feed.recorder.losses.map(\.loss) == [.body(channel: 1)])
    #expect(feed.recorder.losses.map(\.bytes) == [850])
    #expect(feed.recorder.facts.count == 5)
    #expect(feed.decoder.counters.desyncs == 0)
  }

  @Test func `says which frame a gap broke and stays in sync`() {
    var feed = AMQPFeed(.server)
    feed.receive((Self.start + Self.deliver)[..<(Self.start.count + 10)])
    feed.lost(5)
    feed.receive((Self.deliver[15...] + Self.deliver)[...])
    #expect(feed.recorder.losses.map(\.loss) == [.frame(channel: 1)])
    #expect(feed.recorder.losses.map(\.bytes) == [27])
    #expect(feed.recorder.facts.count == 2)
  }

  @Test func `reads a body of ten megabytes in one frame without keeping it`() {
    var feed = AMQPFeed(.server)
    feed.receive((Self.start + Self.deliver + Self.header(10 << 20) + [3, 0, 1] + Self.be32(10 << 20))[...])
    let piece = [UInt8](repeating: 0x31, count: 1 << 20)
    for _ in 0..<10 {
      feed.receive(piece[...])
      #expect(feed.decoder.pendingBytes == 0)
    }
    feed.receive([0xce] + Self.deliver[...])
    #expect(feed.recorder.facts.count == 5)
    #expect(feed.recorder.losses.isEmpty)
  }

  @Test func `skips a method frame that is too large to keep, and reads on`() {
    var feed = AMQPFeed(.client)
    feed.receive(AMQPSample.parse("'AMQP' 00 00 09 01")[...])
    feed.receive(([1, 0, 1] + Self.be32(2 << 20))[...])
    for _ in 0..<2 { feed.receive([UInt8](repeating: 1, count: 1 << 20)[...]) }
    feed.receive([0xce] + Self.ack[...])
    #expect(feed.recorder.losses.map(\.loss) == [.frame(channel: 1)])
    #expect(feed.recorder.facts.count == 2)
    #expect(feed.decoder.pendingBytes == 0)
  }

  @Test func `takes a frame larger than agreed for a loss of sync`() {
    var feed = AMQPFeed(.server)
    feed.receive((Self.start + Self.tune + [3, 0, 1] + Self.be32(131_073))[...])
    #expect(feed.recorder.losses.map(\.loss) == [.outOfSync(.malformed)])
  }

  /// A body that is itself a recorded stream of thousands of frames; the gap takes its header.
  @Test(arguments: [1_448, 4_096, 32_768, 65_536])
  func `believes no AMQP inside a body whose beginning was lost`(segment: Int) {
    let nested = (0..<3_000).flatMap { _ in Self.ack }
    let real = Self.publish + Self.header(nested.count) + Self.body(nested)
    var bytes: [UInt8] = []
    for _ in 0..<6 { bytes += real }
    let marker = AMQPSample.parse("01 0002 00000005 0014 000A 00 CE")
    bytes += marker
    // The gap ends within the first body.
    for gap in [70, 100, 1_001, 20_000] {
      var feed = AMQPFeed(.client)
      feed.receive(AMQPSample.parse("'AMQP' 00 00 09 01")[...])
      feed.lost(gap)
      var i = gap
      while i < bytes.count {
        let end = min(i + segment, bytes.count)
        feed.receive(bytes[i..<end])
        i = end
      }
      let acks = feed.recorder.facts.filter { $0.contains("basicAck") }.count
      #expect(acks == 0, "gap of \(gap)")
      #expect(feed.recorder.facts.last == "2 channelOpen")
    }
  }

  @Test func `finds sync in garbage without keeping more than two frames of it`() {
    var feed = AMQPFeed(.server)
    var state: UInt64 = 1
    var most = 0
    for _ in 0..<200 {
      let noise = (0..<5_000).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        // Bytes of frame headers, mostly.
        return [0, 0, 0, 1, 1, 3, 2, 8, 0xce, 60, 0, 80][Int(state >> 40) % 12] as UInt8
      }
      feed.receive(noise[...])
      most = max(most, feed.decoder.pendingBytes)
    }
    #expect(most <= 2 * (131_072 + 8) + 65_536)
    feed.lost(1)
    feed.receive(Self.deliver[...])
    feed.receive(Self.deliver[...])
    #expect(feed.recorder.facts.last?.hasPrefix("1 basicDeliver") == true)
    #expect(feed.recorder.losses.last?.loss == .resynchronised)
  }

  @Test func `joins in the middle of a connection with its first whole write`() {
    var feed = AMQPFeed(.server)
    feed.receive((Self.deliver + Self.header(3) + Self.body([1, 2, 3]))[...])
    #expect(feed.recorder.facts.count == 3)
    #expect(feed.recorder.losses.map(\.loss) == [.outOfSync(.joinedMidway), .resynchronised])
    #expect(feed.decoder.counters.skippedBytes == 0)
  }

  @Test func `gives facts that had to wait for proof the time at which they came`() {
    var feed = AMQPFeed(.server)
    feed.receive(([1, 2, 3, 0xce] + Self.deliver)[...])
    #expect(feed.recorder.facts.isEmpty)
    feed.receive((Self.header(0) + Self.deliver)[...])
    #expect(feed.recorder.times == [1, 2, 2])
    #expect(feed.decoder.counters.skippedBytes == 4)
  }

  @Test func `says at the end what waited for proof`() {
    var feed = AMQPFeed(.server)
    feed.receive(([1, 2, 3, 0xce] + Self.deliver + Self.header(0))[...])
    #expect(feed.recorder.facts.isEmpty)
    feed.finish()
    #expect(feed.recorder.facts.count == 2)
  }

  /// Found by fuzzing: the bytes that show connection.start were more than the frame they announced.
  @Test(arguments: ["00000000", "00000004", "00000011"])
  func `takes no connection.start that is too small for its fields`(size: String) {
    var feed = AMQPFeed(.server)
    for byte in AMQPSample.parse("01 0000 \(size) 000A 000A 00 09 CE CE") { feed.receive([byte]) }
    #expect(feed.recorder.facts.isEmpty)
    #expect(feed.recorder.losses.map(\.loss) == [.outOfSync(.joinedMidway)])
  }

  @Test func `reads on when every packet was cut short`() {
    var feed = AMQPFeed(.server)
    for _ in 0..<3 {
      feed.receive((Self.deliver + Self.header(500) + Self.body([UInt8](repeating: 9, count: 500)))[..<80])
      feed.lost(477)
    }
    #expect(feed.recorder.facts.filter { $0.hasPrefix("1 basicDeliver") }.count == 3)
    #expect(feed.recorder.losses.filter { $0.loss == .body(channel: 1) }.count == 3)
  }

  @Test func `does not take what only the other side may send for sync`() {
    var feed = AMQPFeed(.server)
    feed.receive(AMQPSample.parse("01 0001 0000000D 003C 005A 0000000000000001 01 CE")[...])
    #expect(feed.recorder.facts.isEmpty)
    feed.receive(Self.ack[...])
    #expect(feed.recorder.facts == ["1 basicAck(deliveryTag: 1, multiple: false)"])
  }

  @Test func `keeps sync over a method that it does not know or cannot read`() {
    var feed = AMQPFeed(.client)
    feed.receive(AMQPSample.parse("'AMQP' 00 00 09 01")[...])
    feed.receive(AMQPSample.parse("01 0001 00000005 003C 03E7 01 CE")[...])
    feed.receive(AMQPSample.parse("01 0001 00000005 003C 0050 01 CE")[...])
    feed.receive(AMQPSample.parse("01 0001 00000002 003C CE")[...])
    feed.receive(AMQPSample.parse("02 0001 00000002 003C CE")[...])
    feed.receive(Self.ack[...])
    #expect(
      feed.recorder.facts == [
        "protocolHeader 0-9-1", "1 unknown(classID: 60, methodID: 999)", "1 basicAck(deliveryTag: 1, multiple: false)",
      ])
    #expect(feed.recorder.losses.map(\.loss) == [.frame(channel: 1), .frame(channel: 1), .frame(channel: 1)])
    #expect(feed.decoder.counters.brokenFrames == 3)
  }
}
