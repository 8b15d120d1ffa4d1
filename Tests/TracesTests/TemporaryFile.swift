import Foundation

@testable import Pipeline
@testable import Traces

/// A file that is gone when the test is.
final class TemporaryFile {
  let path: String

  init(_ bytes: [UInt8] = []) {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("traces-\(UUID().uuidString)").path
    _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
  }

  var bytes: [UInt8] { FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? [] }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Everything a reader gave.
struct Readout {
  var segments: [Segment] = []
  var payloads: [[UInt8]] = []
  var statistics: [TraceStatistics]
  var problems: [TraceProblem]

  init(_ files: [TemporaryFile]) throws {
    let reader = try TraceReader(paths: files.map(\.path))
    var segments: [Segment] = []
    var payloads: [[UInt8]] = []
    reader.forEachSegment { segment, payload in
      segments.append(segment)
      payloads.append(payload.withUnsafeBytes { [UInt8]($0) })
      return true
    }
    self.segments = segments
    self.payloads = payloads
    statistics = reader.statistics
    problems = reader.problems
  }

  init(_ bytes: [UInt8]) throws { try self.init([TemporaryFile(bytes)]) }
}

/// Bytes from hexadecimal digits; spaces and everything from `#` to the end of a line are comments.
func hex(_ text: String) -> [UInt8] {
  var digits: [UInt8] = []
  for line in text.split(separator: "\n") {
    digits += line.prefix { $0 != "#" }.compactMap { $0.hexDigitValue.map { UInt8($0) } }
  }
  return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func le32(_ value: Int) -> [UInt8] {
  withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).littleEndian) { [UInt8]($0) }
}
func be32(_ value: Int) -> [UInt8] { le32(value).reversed() }
