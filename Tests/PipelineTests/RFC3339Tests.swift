import Testing

@testable import Pipeline

@Suite struct RFC3339Tests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000000000Z"),
    (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
    (1_795_219_199_999_999_999, "2026-11-20T23:59:59.999999999Z"),
    (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000000Z"),
    (-1, "1969-12-31T23:59:59.999999999Z"),
  ])
  func `writes and reads back`(ns: Int64, text: String) {
    #expect(RFC3339(Timestamp(ns: ns)).description == text)
    #expect(RFC3339(text)?.timestamp.ns == ns)
  }

  @Test(arguments: [
    "", "2026-11-20T23:59:59", "2026-11-20 23:59:59Z", "2026-13-20T23:59:59Z", "2026-11-20T23:59:59.1234567890Z",
  ])
  func `refuses what it does not write`(text: String) {
    #expect(RFC3339(text) == nil)
  }
}
