import Foundation
import Pipeline
import Testing

/// Each capture beside its truth. `record.py` says how they were made.
@Suite struct CaptureTests {
  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: Replayed.captures.path)) ?? [])
    .filter { $0.hasSuffix(".pcapng") }.map { String($0.dropLast(7)) }.sorted()

  @Test func `there are captures`() { #expect(Self.names.count > 30) }

  @Test(arguments: names)
  func `a capture's totals are its clients' own`(name: String) throws {
    let replayed = try Replayed(name)
    #expect(replayed.differences == [])
    #expect(replayed.isBalanced)
    #expect(replayed.report.capture.lost_bytes == 0)
    let unattributed = replayed.report.unattributed.map(\.delivered).reduce(0, +)
    #expect(unattributed == replayed.truth.unattributed ?? 0)
    let reasons = Set(replayed.report.capture.undecoded.map(\.reason)).subtracting(["not_a_broker"])
    #expect(reasons == Set([replayed.truth.undecoded].compactMap { $0 }))
  }
}
