import Foundation
import Testing

@testable import Pipeline
@testable import Traces

struct TraceWriterTests {
  static let v4 = Segment(
    at: Timestamp(ns: 1_700_000_000_123_456_789), source: Endpoint(v4: 0x0a00_0001, port: 40000),
    destination: Endpoint(v4: 0x0a00_0002, port: 5672), sequence: 0xffff_fff0, acknowledgement: 7, flags: [.ack, .psh],
    length: 5)
  static let v6 = Segment(
    at: Timestamp(ns: 1_700_000_001_000_000_001), source: Endpoint(high: 0x2001_0db8_0000_0000, low: 1, port: 1),
    destination: Endpoint(high: 0x2001_0db8_0000_0000, low: 2, port: 2), sequence: 1, flags: [.ack, .fin], length: 3)

  func write(_ segments: [(Segment, [UInt8])], to file: TemporaryFile, limit: UInt64 = .max) throws -> [Bool] {
    let writer = try TraceWriter(path: file.path, limit_bytes: limit)
    let written = try segments.map { try writer.write($0.0, $0.1.span.bytes) }
    try writer.close()
    #expect(writer.bytes_written == file.bytes.count)
    return written
  }

  @Test func `what was written is read back`() throws {
    let file = TemporaryFile()
    _ = try write([(Self.v4, Array("hello".utf8)), (Self.v6, Array("abc".utf8))], to: file)
    let read = try Readout([file])
    #expect(read.payloads == [Array("hello".utf8), Array("abc".utf8)])
    for (written, found) in zip([Self.v4, Self.v6], read.segments) {
      #expect(found.at == written.at)
      #expect(found.source == written.source)
      #expect(found.destination == written.destination)
      #expect(found.sequence == written.sequence)
      #expect(found.flags == written.flags)
      #expect(found.length == written.length)
    }
    #expect(read.problems.isEmpty)
  }

  @Test func `the header is in the file at once, and each second what was recorded until then`() throws {
    let file = TemporaryFile()
    let recorder = try Recorder(path: file.path, limit_bytes: .max, withBodies: true)
    #expect(try Readout([file]).segments.isEmpty)
    recorder.tick(at: Self.v4.at)
    recorder.take(Self.v4, Array("hello".utf8).span.bytes)
    recorder.tick(at: Self.v4.at + .milliseconds(900))
    #expect(try Readout([file]).segments.isEmpty)
    recorder.tick(at: Self.v4.at + .milliseconds(1000))
    #expect(try Readout([file]).payloads == [Array("hello".utf8)])
    try recorder.close(at: Self.v4.at)
  }

  @Test func `a payload that is not kept leaves its length`() throws {
    let file = TemporaryFile()
    _ = try write([(Self.v4, Array("he".utf8))], to: file)
    let read = try Readout([file])
    #expect(read.payloads == [Array("he".utf8)])
    #expect(read.segments[0].length == 5)
  }

  @Test(arguments: [true, false])
  func `a segment larger than a packet becomes several`(_ isKept: Bool) throws {
    let file = TemporaryFile()
    var segment = Self.v4
    segment.length = 200_000
    segment.flags = [.syn, .ack, .fin]
    let payload = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    _ = try write([(segment, isKept ? payload : [])], to: file)
    let read = try Readout([file])
    #expect(read.segments.map(\.length) == [65_495, 65_495, 65_495, 3_515])
    #expect(read.payloads.flatMap { $0 } == (isKept ? payload : []))
    #expect(read.segments.map(\.flags) == [[.syn, .ack], .ack, .ack, [.ack, .fin]])
    #expect(read.segments[1].sequence == segment.sequence &+ 65_496)
  }

  @Test func `the file is its owner's alone, even if it was there before`() throws {
    let file = TemporaryFile(Array("old".utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
    _ = try write([(Self.v4, [])], to: file)
    let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func `past the size limit nothing more is written, and that is told`() throws {
    let file = TemporaryFile()
    let payload = [UInt8](repeating: 1, count: 5)
    let written = try write([(Self.v4, payload), (Self.v4, payload), (Self.v4, [])], to: file, limit: 200)
    #expect(written == [true, false, false])
    #expect(file.bytes.count <= 200)
    #expect(try Readout([file]).segments.count == 1)
  }

  @Test func `a path that can't be written is refused with a reason`() {
    let error = #expect(throws: TraceWriteError.self) { try TraceWriter(path: "/nowhere/at/all.pcapng") }
    #expect(error?.description.contains("No such file") == true)
  }

  @Test(.enabled(if: FileManager.default.isWritableFile(atPath: "/dev/full")))
  func `a full disk is told, and told again`() throws {
    let writer = try TraceWriter(path: "/dev/full")
    _ = try writer.write(Self.v4, [1, 2, 3, 4, 5].span.bytes)
    let error = #expect(throws: TraceWriteError.self) { try writer.flush() }
    #expect(error?.advice.contains("make room") == true)
    #expect(throws: TraceWriteError.self) { try writer.close() }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/tshark")))
  func `tshark decodes it with right checksums`() throws {
    let file = TemporaryFile()
    var odd = Self.v6
    odd.length = 7
    _ = try write(
      [(Self.v4, Array("hello".utf8)), (Self.v6, Array("abc".utf8)), (odd, Array("1234567".utf8))], to: file)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/tshark")
    process.arguments = [
      "-n", "-r", file.path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields", "-e",
      "frame.time_epoch", "-e", "tcp.checksum.status", "-e", "ip.checksum.status", "-e", "tcp.len", "-e",
      "_ws.malformed",
    ]
    let output = Pipe()
    let errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(
      lines == "1700000000.123456789\t1\t1\t5\t\n1700000001.000000001\t1\t\t3\t\n1700000001.000000001\t1\t\t7\t\n")
    // tshark warns when it is run by root; nothing else may be said.
    #expect(!complaints.lowercased().contains("damaged") && !complaints.lowercased().contains("cut short"))
    #expect(process.terminationStatus == 0)
  }
}
