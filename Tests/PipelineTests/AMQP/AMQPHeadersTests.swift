import Testing

@testable import Pipeline

@Suite struct AMQPHeadersTests {
  /// The payload of the first server sample whose fact contains this, and its content header.
  private func payload(_ part: String) throws -> [UInt8] {
    let sample = try #require(AMQPSample.server.first { $0.fact.contains(part) })
    return Array(sample.bytes[7..<sample.bytes.count - 1])
  }

  private func headers(_ payload: [UInt8]) throws -> Text {
    var exact = false
    let decoded = AMQPContentHeader.decode(payload.span.bytes, exact: &exact)
    let header = try #require(decoded)
    #expect(exact)
    return header.headers
  }

  @Test func `reads counts and the broker's time stamp`() throws {
    let payload = try payload("x-delivery-count: 2")
    let text = try headers(payload)
    let headers = AMQPHeaders(text, in: payload.span.bytes)
    #expect(headers.deliveryCount == 2)
    #expect(headers.acquiredCount == 3)
    #expect(headers.timestamp_ms == 1_705_005_339_809)
    #expect(headers.deaths == nil)
    #expect(!headers.malformed)
    let found = AMQPHeaders.find("I", in: text, of: payload.span.bytes)
    let absent = AMQPHeaders.find("absent", in: text, of: payload.span.bytes)
    #expect(found == .int(-2))
    #expect(absent == nil)
  }

  @Test func `reads every death, latest first`() throws {
    let payload = try payload("x-death")
    let items = try #require(AMQPHeaders(try headers(payload), in: payload.span.bytes).deaths)
    var deaths = AMQPDeaths(items)
    let next = deaths.next(in: payload.span.bytes)
    let first = try #require(next)
    #expect(first.count == 2)
    #expect(first.reason == .rejected)
    let (queue, exchange) = (first.queue.string(in: payload.span.bytes), first.exchange.string(in: payload.span.bytes))
    #expect(queue == "orders.q" && exchange == "orders")
    #expect(first.time_s == 1_705_032_832)
    var keys = AMQPTable(items: first.routingKeys)
    let key = keys.next(in: payload.span.bytes)?.value
    #expect(key == .string(Text(offset: first.routingKeys.offset + 5, count: 3)))
    let after = deaths.next(in: payload.span.bytes)
    let second = try #require(after)
    #expect(second.reason == .expired)
    let expiration = second.originalExpiration.equals("5000", in: payload.span.bytes)
    #expect(expiration)
    let end = deaths.next(in: payload.span.bytes)
    #expect(end == nil)
  }

  @Test(arguments: [
    ("'rejected'", AMQPDeath.Reason.rejected), ("'expired'", .expired), ("'maxlen'", .maxlen),
    ("'delivery_limit'", .deliveryLimit), ("'else'", .other),
  ])
  func `knows the reasons of RabbitMQ`(text: String, reason: AMQPDeath.Reason) {
    let value = AMQPSample.parse(text)
    let bytes = AMQPSample.parse("06 'reason' 53 000000") + [UInt8(value.count)] + value
    let death = AMQPDeath(Text(offset: 0, count: UInt32(bytes.count)), in: bytes.span.bytes)
    #expect(death.reason == reason)
    #expect(death.count == 1)
  }

  /// Cut, with a wrong tag, with lengths beyond the end: what came before counts, and the end is told.
  @Test(arguments: [
    ("01 'a' 74 01 01 'b' 7A 01", "{a: true, malformed}"), ("01 'a' 74 01 05 'b'", "{a: true, malformed}"),
    ("01 'a' 74 01 01 'b'", "{a: true, malformed}"), ("01 'a' 53 FFFFFFFF 'x'", "{malformed}"),
    ("01 'a' 6C 000000", "{malformed}"), ("01 'a' 46 00000009 00", "{malformed}"), ("", "{}"),
    ("01 'a' 46 00000003 01 'k' 7A", "{a: {malformed}}"), ("01 'a' 41 00000002 49 00", "{a: [malformed]}"),
    ("00 56", "{: void}"),
  ])
  func `reads a broken table up to where it breaks`(hex: String, read: String) {
    let bytes = AMQPSample.parse(hex)
    let table = AMQPTable(entries: Text(offset: 0, count: UInt32(bytes.count)))
    #expect(AMQPFactRecorder.table(table, bytes, braces: ("{", "}")) == read)
  }

  @Test func `ignores a slice that does not lie in the span`() {
    var table = AMQPTable(entries: Text(offset: 4, count: 4))
    let bytes: [UInt8] = [1, 2, 3, 4, 5]
    let entry = table.next(in: bytes.span.bytes)
    #expect(entry == nil)
    #expect(table.malformed)
    let range = Text(offset: .max, count: .max).range(in: bytes.span.bytes)
    #expect(range.isEmpty)
  }

  @Test func `clamps a count that nobody can have reached`() {
    let bytes = AMQPSample.parse("05 'count' 6C 7FFFFFFFFFFFFFFF")
    let death = AMQPDeath(Text(offset: 0, count: UInt32(bytes.count)), in: bytes.span.bytes)
    #expect(death.count == 1_000_000_000)
  }

  @Test func `passes over flag words that it does not know`() throws {
    // Priority in the first word; it says that a second follows, and that says nothing.
    let bytes = AMQPSample.parse("003C 0000 0000000000000000 0801 0000 05")
    var exact = false
    let decoded = AMQPContentHeader.decode(bytes.span.bytes, exact: &exact)
    let header = try #require(decoded)
    #expect(header.priority == 5)
    #expect(exact)
  }
}
