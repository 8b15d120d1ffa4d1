import Testing

@testable import Pipeline

/// Writes down what comes out of a front, bytes in a row as text.
private final class Reader: ProtocolReader {
  var answers: [Detector.Answer] = []
  var read: [String] = []

  func decided(_ answer: Detector.Answer, at: Timestamp) { answers.append(answer) }

  func read(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    let text = bytes.withUnsafeBytes { String(decoding: $0, as: Unicode.ASCII.self) }
    if let last = read.last, last.hasPrefix("\(side): ") {
      read[read.count - 1] += text
    } else {
      read.append("\(side): \(text)")
    }
  }

  func missed(_ count: Int, from side: Side, at: Timestamp) { read.append("\(side) lost \(count)") }
}

/// Stands for encryption: every bit is flipped. `waits`: until a second has passed it keeps up to 64 bytes.
private final class Flipped: StreamLayer {
  var isDone: Bool { false }
  private(set) var isWaiting: Bool
  private var kept = LayerOutput()
  private var count = 0

  init(waits: Bool = false) { isWaiting = waits }

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp, into output: inout LayerOutput) {
    let plain = bytes.withUnsafeBytes { $0.map { ~$0 } }
    guard isWaiting else { return output.append(plain.span.bytes, of: side, at: at) }
    count += plain.count
    kept.append(plain.span.bytes, of: side, at: at)
    if count > 64 { release(into: &output) }
  }

  func lost(_ count: Int, from side: Side, at: Timestamp, into output: inout LayerOutput) {
    output.appendGap(count, of: side, at: at)
  }

  func ended(_ side: Side, at: Timestamp, into output: inout LayerOutput) { release(into: &output) }
  func expire(at: Timestamp, into output: inout LayerOutput) { if at.ns >= 1_000_000_000 { release(into: &output) } }

  private func release(into output: inout LayerOutput) {
    isWaiting = false
    output = kept
    kept = LayerOutput()
  }
}

@Suite struct ConnectionFrontTests {
  private static let header: [UInt8] = Array("AMQP".utf8) + [0, 0, 9, 1]
  private static let version2: [UInt8] =
    [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a] + Array("QUIT".utf8) + [
      0x0a, 0x21, 0x11, 0, 12, 10, 0, 0, 1, 10, 0, 0, 2, 0x9c,
    ]
    + [0x40, 0x16, 0x28]
  private static let version1 = Array("PROXY TCP4 10.0.0.1 10.0.0.2 40000 5672\r\n".utf8)

  private func run(_ bytes: [UInt8], pieces: Int, fromStart: Bool = true) -> Reader {
    var front = ConnectionFront(fromStart: fromStart)
    let reader = Reader()
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      front.received(bytes[start..<min(start + pieces, bytes.count)].span.bytes, from: .first, at: .zero, into: reader)
    }
    return reader
  }

  @Test(arguments: [version1, version2], [1, 2, 7, 1_000])
  func `takes a proxy's header off, however it is cut, and knows what comes behind it`(header: [UInt8], pieces: Int) {
    let reader = run(header + Self.header + Array("rest".utf8), pieces: pieces)
    #expect(reader.answers == [.known(.rabbitmq, client: .first)])
    #expect(reader.read == ["first: AMQP\0\0\u{9}\u{1}rest"])
  }

  @Test(arguments: [1, 3, 1_000])
  func `gives back what only began like a proxy's header`(pieces: Int) {
    for text in ["PROXIMA", "PROXY " + String(repeating: "x", count: 120), "PROXY a\rb", "\r\n\r\nhello"] {
      var front = ConnectionFront(fromStart: false)
      let reader = Reader()
      let bytes = Array(text.utf8) + [0xce]
      for start in stride(from: 0, to: bytes.count, by: pieces) {
        let piece = bytes[start..<min(start + pieces, bytes.count)]
        front.received(piece.span.bytes, from: .second, at: .zero, into: reader)
      }
      // A deliver behind it tells AMQP, and everything is handed over.
      front.received(
        (AMQPResyncTests.deliver + AMQPResyncTests.header(3)).span.bytes, from: .second, at: .zero, into: reader)
      #expect(reader.answers == [.known(.rabbitmq, client: .first)])
      #expect(reader.read.first?.hasPrefix("second: \(text)") == true)
    }
  }

  @Test func `leaves chunks as they are where there is no header`() {
    // Longer than any header's line: a session must not get it in two.
    var front = ConnectionFront(fromStart: false)
    let reader = HandedOver()
    let body = [UInt8](repeating: 0x61, count: 200)
    front.received(body.span.bytes, from: .first, at: Timestamp(ns: 1), into: reader)
    let publish = AMQPResyncTests.publish
    front.received(publish.span.bytes, from: .first, at: Timestamp(ns: 2), into: reader)
    #expect(reader.events == ["first 200 @1", "first \(publish.count) @2"])
  }

  @Test func `a server that speaks first waits for no header`() {
    var front = ConnectionFront(fromStart: true)
    let reader = Reader()
    front.received(Array("PROXY TCP4".utf8).span.bytes, from: .first, at: .zero, into: reader)
    front.received(Array("220 mail.example".utf8).span.bytes, from: .second, at: .zero, into: reader)
    #expect(reader.answers == [.other(.notABroker)])
  }

  @Test func `an end gives what a layer has kept`() {
    var front = ConnectionFront(fromStart: false)
    let reader = Reader()
    front.received(Array("PROX".utf8).span.bytes, from: .first, at: .zero, into: reader)
    front.ended(.first, isLast: false, at: .zero, into: reader)
    #expect(reader.answers.isEmpty)
    front.ended(.second, isLast: true, at: .zero, into: reader)
    #expect(reader.answers == [.other(.unrecognised)])
  }

  @Test func `a layer begins midway, and what it carries is detected anew`() {
    var front = ConnectionFront(fromStart: true)
    let reader = Reader()
    front.received(Self.header.span.bytes, from: .first, at: .zero, into: reader)
    front.begin(Flipped(), detectsAnew: true)
    let request = AMQPSample.parse("00000014 0011 0001 00000002 0003 'app' 0005 'PLAIN'").map { ~$0 }
    front.received(request.span.bytes, from: .first, at: .zero, into: reader)
    front.lost(5, from: .second, at: .zero, into: reader)
    #expect(reader.answers == [.known(.rabbitmq, client: .first), .known(.kafka, client: .first)])
    #expect(reader.read.last == "second lost 5")
  }

  @Test func `a connection whose layer waits is not ruled out, and read once it need not wait`() {
    for most in [1, 100] {
      var front = ConnectionFront(fromStart: true)
      front.begin(Flipped(waits: true))
      let reader = Reader()
      let sent = (Self.header + [UInt8](repeating: 0x41, count: most)).map { ~$0 }
      front.received(sent.span.bytes, from: .first, at: .zero, into: reader)
      // Past its bound it goes on by itself.
      #expect(front.isWaiting == (most == 1))
      #expect(reader.answers.isEmpty == (most == 1))
      front.expire(at: Timestamp(ns: 1), into: reader)
      #expect(front.isWaiting == (most == 1))
      front.expire(at: Timestamp(ns: 1_000_000_000), into: reader)
      #expect(!front.isWaiting)
      #expect(reader.answers == [.known(.rabbitmq, client: .first)])
      #expect(reader.read == ["first: AMQP\0\0\u{9}\u{1}" + String(repeating: "A", count: most)])
    }
  }
}
