#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// One snapshot as bytes: a header of 36 bytes, then JSON. Numbers are little-endian.
///
/// | Offset | Bytes | What |
/// |---|---|---|
/// | 0 | 8 | `SFSTATE` and a line feed |
/// | 8 | 4 | format, 1 |
/// | 12 | 4 | CRC-32C of the payload |
/// | 16 | 8 | generation |
/// | 24 | 8 | length of the payload in bytes |
/// | 32 | 4 | CRC-32C of the 32 bytes before |
/// | 36 | | payload: `Snapshot` as JSON, to the file's end |
///
/// A field that an older version may ignore is a new JSON key. What it must not ignore is a new format; in every format
/// the first 36 bytes stay as they are, so that an older version knows a newer file from a damaged one.
enum SnapshotFile {
  static let header_bytes = 36
  static let format: UInt32 = 1
  private static let magic = Array("SFSTATE\n".utf8)

  enum Reading {
    case snapshot(Snapshot, notices: [String])
    /// Why, in words.
    case damaged(String)
    /// Whole, but written by a version that this one does not understand; by what, in words.
    case newer(String)
  }

  static func encode(_ snapshot: Snapshot) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    let payload = try encoder.encode(snapshot)
    var bytes = [UInt8]()
    bytes.reserveCapacity(header_bytes + payload.count)
    bytes += magic
    append(format, to: &bytes)
    append(CRC32C.checksum(payload), to: &bytes)
    append(snapshot.generation, to: &bytes)
    append(UInt64(payload.count), to: &bytes)
    append(CRC32C.checksum(bytes), to: &bytes)
    bytes += payload
    return bytes
  }

  static func decode(_ bytes: [UInt8]) -> Reading {
    guard bytes.count >= header_bytes else { return .damaged("cut short") }
    guard bytes.starts(with: magic) else { return .damaged("not a snapshot") }
    guard CRC32C.checksum(bytes[..<32]) == number(at: 32, in: bytes) as UInt32 else {
      return .damaged("its header's checksum is wrong")
    }
    let format: UInt32 = number(at: 8, in: bytes)
    guard format <= Self.format else { return .newer("format \(format)") }
    guard format == Self.format else { return .damaged("there is no format \(format)") }
    let payload = bytes[header_bytes...]
    let length: UInt64 = number(at: 24, in: bytes)
    guard length == UInt64(payload.count) else {
      return .damaged("\(payload.count) bytes long where \(length) were written")
    }
    guard CRC32C.checksum(payload) == number(at: 12, in: bytes) as UInt32 else {
      return .damaged("its checksum is wrong")
    }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    do {
      let read = try decoder.decode(ReadSnapshot.self, from: Data(payload))
      guard read.snapshot.generation == number(at: 16, in: bytes) else { return .damaged("it contradicts its header") }
      return .snapshot(read.snapshot, notices: read.notices)
    } catch let other as ReadSnapshot.OtherSchema {
      return .newer("schema \(other.schema)")
    } catch {
      return .damaged("its content is not a snapshot's")
    }
  }

  private static func append<Number: FixedWidthInteger>(_ number: Number, to bytes: inout [UInt8]) {
    for index in 0..<MemoryLayout<Number>.size { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
  }

  private static func number<Number: FixedWidthInteger>(at offset: Int, in bytes: [UInt8]) -> Number {
    (0..<MemoryLayout<Number>.size).reduce(0) { $0 | Number(bytes[offset + $1]) << (8 * $1) }
  }
}
