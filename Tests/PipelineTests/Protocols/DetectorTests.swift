import Testing

@testable import Pipeline

/// First bytes as real programs send them.
struct FirstBytesSample: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  let answer: Detector.Answer
  var testDescription: String { name }

  init(_ name: String, _ hex: String, _ answer: Detector.Answer) {
    self.name = name
    bytes = AMQPSample.parse(hex)
    self.answer = answer
  }

  static let all: [FirstBytesSample] = [
    .init("AMQP 0-9-1 client", "'AMQP' 00 00 09 01", .amqp(clientSide: .first)),
    .init(
      "AMQP 0-9-1 server: connection.start",
      "01 0000 00000020 000A 000A 00 09 00000007 01 'v' 53 00000000 00000005 'PLAIN' 00000002 'en' CE",
      .amqp(clientSide: .second)),
    .init("AMQP 1.0", "'AMQP' 00 01 00 00", .other(.amqp10)),
    .init("AMQP 1.0 over SASL", "'AMQP' 03 01 00 00", .other(.amqp10)),
    .init("AMQP 1.0 over TLS", "'AMQP' 02 01 00 00", .other(.amqp10)),
    .init("AMQP 0-8", "'AMQP' 01 01 08 00", .other(.amqp08)),
    .init("AMQP 0-9", "'AMQP' 01 01 00 09", .other(.amqp08)),
    .init(
      "RabbitMQ stream client: PeerProperties, version 1, correlation 1, 1 property",
      "0000001F 0011 0001 00000001 00000001 0007 'product' 0008 'stream-x'", .other(.rabbitmqStream)),
    .init(
      "RabbitMQ stream server: PeerProperties answer, code 1", "00000012 8011 0001 00000001 0001 00000000 0000 0000",
      .other(.rabbitmqStream)),
    .init(
      "RabbitMQ stream delivery in the middle: subscription 1, chunk of magic 5, version 0",
      "00000100 0008 0001 01 50 00 0001 00000001 0000018CFA3CD4A1", .other(.rabbitmqStream)),
    .init(
      "TLS 1.3 client hello", "16 0301 0200 01 0001FC 0303 00112233445566778899", .other(.tls)),
    .init("TLS 1.2 server hello", "16 0303 007A 02 000076 0303", .other(.tls)),
    .init("TLS application data, joined in the middle", "17 0303 0045 9F1C6A00112233", .other(.tls)),
    .init("TLS alert", "15 0303 0002 02 28", .other(.tls)),
    .init("HTTP GET", "'GET /health HTTP/1.1' 0D0A 'Host: x' 0D0A0D0A", .other(.notABroker)),
    .init("HTTP answer", "'HTTP/1.1 200 OK' 0D0A", .other(.notABroker)),
    .init("HTTP CONNECT", "'CONNECT db:443 HTTP/1.1' 0D0A", .other(.notABroker)),
    .init("HTTP/2 with gRPC", "'PRI * HTTP/2.0' 0D0A0D0A 'SM' 0D0A0D0A", .other(.notABroker)),
    .init(
      "Kafka ApiVersions 3, client id rdkafka", "00000024 0012 0003 00000001 0007 'rdkafka' 00 0B 'librdkafka'",
      .kafka(clientSide: .first)),
    .init(
      "Kafka SaslHandshake 1, client id app", "00000014 0011 0001 00000002 0003 'app' 0005 'PLAIN'",
      .kafka(clientSide: .first)),
    .init(
      "Kafka Metadata 1 without a client id", "0000000E 0003 0001 00000001 FFFF 00000000", .kafka(clientSide: .first)),
    .init(
      "Kafka Fetch 11 in the middle", "00000041 0001 000B 0000002A 0003 'app' FFFFFFFF 000001F4",
      .kafka(clientSide: .first)),
    .init("Redis command", "'*2' 0D0A '$4' 0D0A 'PING' 0D0A", .other(.redis)),
    .init("NATS server", "'INFO {' 22 'server_id' 22 ':'", .other(.nats)),
    .init("NATS client", "'CONNECT {' 22 'verbose' 22", .other(.nats)),
    .init("NATS message in the middle", "'MSG orders.new 7 5' 0D0A 'hello' 0D0A", .other(.nats)),
    .init("MQTT 3.1.1", "10 0C 0004 'MQTT' 04 02 003C 0000", .other(.mqtt)),
    .init("STOMP", "'CONNECT' 0A 'accept-version:1.2' 0A", .other(.stomp)),
    .init("SSH", "'SSH-2.0-OpenSSH_9.2' 0D0A", .other(.notABroker)),
    .init("SMTP server", "'220 mail.example ESMTP' 0D0A", .other(.notABroker)),
    .init(
      "PostgreSQL startup 3.0", "00000020 00030000 'user' 00 'app' 00 'database' 00 'x' 00 00", .other(.notABroker)),
    .init("PostgreSQL SSLRequest", "00000008 04D2162F", .other(.notABroker)),
    .init("MySQL greeting", "4A000000 0A '8.0.35' 00 0A000000", .other(.notABroker)),
    .init(
      "MongoDB OP_MSG", "1F010000 01000000 00000000 DD070000 00000000 00", .other(.notABroker)),
    .init(
      "DNS over TCP: A of example.org",
      "001D 1234 0100 0001 0000 0000 0000 07 'example' 03 'org' 00 0001 0001", .other(.notABroker)),
  ]
}

extension Detector.Answer {
  static func amqp(clientSide: Side) -> Self { .known(.rabbitmq, client: clientSide) }
  static func kafka(clientSide: Side) -> Self { .known(.kafka, client: clientSide) }
}

/// Writes down what a detector hands over.
final class HandedOver: ProtocolReader {
  var events: [String] = []
  func decided(_ answer: Detector.Answer, at: Timestamp) {}
  func read(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    events.append("\(side) \(bytes.byteCount) @\(at.ns)")
  }
  func missed(_ count: Int, from side: Side, at: Timestamp) { events.append("\(side) lost \(count) @\(at.ns)") }
}

@Suite struct DetectorTests {
  private func feed(_ detector: inout Detector, _ bytes: [UInt8], _ side: Side = .first, at: Int64 = 0)
    -> Detector.Answer
  {
    detector.receive(bytes.span.bytes, from: side, at: Timestamp(ns: at))
  }

  @Test(arguments: FirstBytesSample.all)
  func `knows a protocol by its first bytes`(sample: FirstBytesSample) {
    for fromStart in [true, false] {
      var whole = Detector(fromStart: fromStart)
      #expect(feed(&whole, sample.bytes) == sample.answer)
    }
  }

  @Test(arguments: FirstBytesSample.all.filter { !$0.name.hasPrefix("DNS") })
  func `never knows it as something else when they come byte by byte`(sample: FirstBytesSample) {
    var slow = Detector(fromStart: true)
    var answer = Detector.Answer.undecided
    for byte in sample.bytes where answer == .undecided { answer = feed(&slow, [byte]) }
    #expect(answer == sample.answer)
  }

  @Test func `rules anything else out at once if it saw the beginning, and waits if it did not`() {
    let unknown = AMQPSample.parse("DEADBEEF 00112233")
    var sure = Detector(fromStart: true)
    #expect(feed(&sure, unknown) == .other(.notABroker))
    var unsure = Detector(fromStart: false)
    #expect(feed(&unsure, unknown) == .undecided)
    #expect(unsure.finish() == .other(.unrecognised))
    // Who says nothing is nothing that was not recognised.
    var silent = Detector(fromStart: true)
    #expect(silent.finish() == .undecided)
  }

  @Test func `takes a side's first bytes for no beginning once something was lost before them`() {
    // The client's first request was lost: what the broker answers fits no beginning of anything.
    var detector = Detector(fromStart: true)
    _ = detector.lost(40, from: .first, at: .zero)
    #expect(feed(&detector, AMQPSample.parse("00000010 00000001 0000 00000000 DEADBEEF"), .second) == .undecided)
    let fetch = AMQPSample.parse("00000014 0011 0001 00000002 0003 'app' 0005 'PLAIN'")
    #expect(feed(&detector, fetch) == .kafka(clientSide: .first))
  }

  @Test func `knows Kafka's producer without a client id in the middle, and not by an answer that looks like it`() {
    let head = "00000002 0000 FFFF FFFF 00001387 00000001 000A 'orders.DLT' 00000001 00000000 0000003D"
    let batch = "0000000000000000 00000031 FFFFFFFF 02 00000000 0000 00000000 000001A22662EC3E 000001A22662EC3E"
    let produce = AMQPSample.parse("0000006B 0000 0008 \(head) \(batch) FFFFFFFFFFFFFFFF FFFF FFFFFFFF 00000000")
    var whole = Detector(fromStart: false)
    #expect(feed(&whole, produce) == .kafka(clientSide: .first))
    // Longer than a chunk: the second one decides.
    var cut = Detector(fromStart: false)
    #expect(feed(&cut, Array(produce[..<60])) == .undecided)
    #expect(feed(&cut, Array(produce[..<60])) == .kafka(clientSide: .first))
    // Fetch 10's, correlation id 8.
    let fetched =
      "00000044 00000008 00000000 0000 00000000 00000001 0006 'orders' 00000001 00000000 0000 0000000000000014"
      + " 0000000000000014 0000000000000000 00000000 00000000"
    var answer = Detector(fromStart: false)
    #expect(feed(&answer, AMQPSample.parse(fetched)) == .undecided)
  }

  @Test(arguments: AMQPSide.allCases)
  func `knows AMQP joined at any frame, from one side alone, and which side it is`(side: AMQPSide) {
    let stream = side.stream
    for i in 1..<stream.samples.count - 4 {
      var detector = Detector(fromStart: false)
      var answer = Detector.Answer.undecided
      for sample in stream.samples[i...] where answer == .undecided { answer = feed(&detector, sample.bytes) }
      #expect(answer == .amqp(clientSide: side == .client ? .first : .second), "joined at \(stream.facts[i])")
    }
  }

  @Test(arguments: AMQPSide.allCases)
  func `knows AMQP joined at any byte of bulk`(side: AMQPSide) {
    let stream = side.stream
    for i in stride(from: 9, to: stream.bytes.count - 300, by: 7) {
      var detector = Detector(fromStart: false)
      #expect(feed(&detector, Array(stream.bytes[i...])) == .amqp(clientSide: side == .client ? .first : .second))
    }
  }

  @Test func `takes a side that only acknowledges for the client, unless the other tells better`() {
    var alone = Detector(fromStart: false)
    for i in 0..<48 { #expect(feed(&alone, AMQPResyncTests.ack, at: Int64(i)) == .undecided) }
    #expect(feed(&alone, AMQPResyncTests.ack) == .amqp(clientSide: .first))

    var confirmed = Detector(fromStart: false)
    #expect(feed(&confirmed, AMQPResyncTests.ack) == .undecided)
    #expect(feed(&confirmed, AMQPResyncTests.publish, .second) == .amqp(clientSide: .second))

    var ended = Detector(fromStart: false)
    #expect(feed(&ended, AMQPResyncTests.ack) == .undecided)
    #expect(ended.finish() == .amqp(clientSide: .first))
  }

  @Test func `finds AMQP behind a megabyte of a message's body`() {
    var detector = Detector(fromStart: false)
    for i in 0..<16 { #expect(feed(&detector, [UInt8](repeating: 0x61, count: 65_536), at: Int64(i)) == .undecided) }
    let end = [0xce] + AMQPResyncTests.deliver + AMQPResyncTests.header(3)
    #expect(feed(&detector, end) == .amqp(clientSide: .second))
    let handed = HandedOver()
    detector.handOver(to: handed)
    #expect(handed.events == ["first lost 1044480 @0", "first 4096 @15"])
  }

  @Test func `gives up after four megabytes without a sign`() {
    var detector = Detector(fromStart: false)
    var count = 0
    while feed(&detector, [UInt8](repeating: 0x61, count: 1_400)) == .undecided { count += 1_400 }
    #expect(detector.answer == .other(.unrecognised))
    #expect(count > 4_000_000 && count < 5_000_000)
  }

  @Test func `hands over what it kept, in order, with gaps and times, but not the bytes that decided`() {
    var detector = Detector(fromStart: false)
    _ = feed(&detector, [0x61], at: 1)
    _ = feed(&detector, [0x61, 0x62], .second, at: 2)
    _ = detector.lost(7, from: .first, at: Timestamp(ns: 3))
    _ = detector.lost(8, from: .first, at: Timestamp(ns: 4))
    _ = feed(&detector, AMQPResyncTests.ack, at: 5)
    #expect(feed(&detector, AMQPResyncTests.publish, at: 6) == .amqp(clientSide: .first))
    let handed = HandedOver()
    detector.handOver(to: handed)
    #expect(handed.events == ["first 1 @1", "second 2 @2", "first lost 15 @3", "first 21 @5"])
    detector.handOver(to: handed)
    #expect(handed.events.count == 4)
  }

  @Test func `keeps a bounded number of pieces`() {
    var detector = Detector(fromStart: false)
    for i in 0..<5_000 {
      _ = feed(&detector, [0x61], at: Int64(i))
      _ = detector.lost(1, from: .second, at: Timestamp(ns: Int64(i)))
    }
    let handed = HandedOver()
    detector.handOver(to: handed)
    #expect(handed.events.count <= 514)
  }
}
