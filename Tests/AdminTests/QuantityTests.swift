import AdminAPI
import Testing

@testable import Pipeline

/// The one parser of numbers with units; what configuration and command lines make of it is tested there.
@Suite struct QuantityTests {
  @Test(
    arguments: [
      ("1ms", 1_000_000), ("0.5s", 500_000_000), ("30s", 30_000_000_000), ("30 s", 30_000_000_000),
      ("5m", 300_000_000_000), ("1.5h", 5_400_000_000_000), ("2d", 172_800_000_000_000), ("0s", 0),
      ("1e3ms", 1_000_000_000),
    ] as [(String, Int64)])
  func `a duration is a number with a unit`(text: String, ns: Int64) throws {
    #expect(try Quantity.duration_ns(text) == ns)
    #expect(try Quantity.duration_ns(Quantity.durationText(ns)) == ns)
  }

  @Test(arguments: [
    ("30", "did you mean 30s?"), ("", "is not a duration"), ("s", "is not a duration"), ("-1s", "is negative"),
    ("30 sec", "did you mean 30s?"), ("5 Minutes", "did you mean 5m?"), ("1.2.3s", "is not a duration"),
    ("5parsecs", "units are ms, s, m, h, d"), ("nans", "is not a duration"), ("infs", "is not a duration"),
    ("0x10s", "is not a duration"), ("1e300d", "is too long"), ("٣s", "is not a duration"), ("30s\n", "unknown unit"),
  ])
  func `a wrong duration is refused with what was meant`(text: String, part: String) {
    let problem = #expect(throws: Quantity.Problem.self) { try Quantity.duration_ns(text) }
    #expect(problem?.description.contains(part) == true, "\(problem as Any)")
  }

  @Test func `a duration past its bounds is refused with them`() throws {
    let range: ClosedRange<Int64> = .milliseconds(1) ... .seconds(3600)
    #expect(try Quantity.duration_ns("1ms", in: range) == .milliseconds(1))
    #expect(try Quantity.duration_ns("60m", in: range) == .seconds(3600))
    for (text, word) in [("0s", "short"), ("0.5ms", "short"), ("3601s", "long"), ("2h", "long")] {
      let problem = #expect(throws: Quantity.Problem.self) { try Quantity.duration_ns(text, in: range) }
      #expect(problem?.description == "\"\(text)\" is too \(word): it must be between 1ms and 1h")
    }
  }

  @Test(
    arguments: [
      ("500B/s", 500), ("10kB/s", 10_000), ("10 kB/s", 10_000), ("1MiB/s", 1_048_576), ("2kB", 2000), ("2KiB", 2048),
      ("0.5kB", 500), ("1GB/s", 1_000_000_000), ("1B", 1),
    ] as [(String, UInt64)])
  func `a rate is bytes per second`(text: String, rate_bytes_s: UInt64) throws {
    #expect(try Quantity.rate_bytes_s(text) == rate_bytes_s)
    #expect(try Quantity.rate_bytes_s(Quantity.bytesText(Int(rate_bytes_s))) == rate_bytes_s)
  }

  @Test(arguments: [
    ("10", "did you mean 10B/s?"), ("10/s", "did you mean 10B/s?"), ("0B/s", "pause instead"), ("x", "is not a rate"),
    ("1kb/s", "unknown unit"), ("-1B", "is not a rate"), ("", "is not a rate"),
    ("5000GB/s", "more than any connection"),
    ("1e400B", "is not a rate"),
  ])
  func `a wrong rate is refused with what was meant`(text: String, part: String) {
    let problem = #expect(throws: Quantity.Problem.self) { try Quantity.rate_bytes_s(text) }
    #expect(problem?.description.contains(part) == true, "\(problem as Any)")
  }
}
