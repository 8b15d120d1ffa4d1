import Testing

@testable import Pipeline

@Suite struct EndpointTests {
  @Test func `what is written is read`() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<2000 {
      let (bits, port) = (random.next(), UInt16(truncatingIfNeeded: random.next()))
      // Runs of zeros at every place.
      let mask: UInt64 = (0..<4).reduce(0) { $0 | (bits >> $1 & 1 == 1 ? 0xffff << UInt64(16 * $1) : 0) }
      for endpoint in [
        Endpoint(v4: UInt32(truncatingIfNeeded: bits), port: port),
        Endpoint(high: bits, low: random.next(), port: port),
        Endpoint(high: bits & mask, low: bits & ~mask, port: port),
      ] { #expect(Endpoint(endpoint.description) == endpoint, "\(endpoint)") }
    }
  }

  @Test(arguments: [
    "", ":", "1.2.3.4", "1.2.3.4:", "1.2.3:5", "1.2.3.4.5:6", "1.2.3.256:6", "1.2.3.4:65536", "1.2.3.+4:5", "1..3.4:5",
    "broker:5672", "[::1]", "[::1:5672", "::1:5672", "[1:2:3:4:5:6:7]:1", "[1:2:3:4:5:6:7:8:9]:1", "[1::2::3]:1",
    "[:::]:1", "[1:2:3:4:5:6:7:8::]:1", "[fffff::]:1", "[é::]:1", "[::1%lo]:1", "[]:1", "[:1]:1",
  ])
  func `anything else is not`(text: String) { #expect(Endpoint(text) == nil) }

  @Test func `IPv6 is read however it is abbreviated`() {
    #expect(Endpoint("[0:0:0::0:0001]:1") == Endpoint(high: 0, low: 1, port: 1))
    #expect(Endpoint("[2001:DB8::]:1") == Endpoint(high: 0x2001_0db8_0000_0000, low: 0, port: 1))
  }
}
