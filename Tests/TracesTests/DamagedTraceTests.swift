import Testing

@testable import Pipeline
@testable import Traces

struct DamagedTraceTests {
  static let pcapng =
    Captures.section + Captures.interface(options: hex("0900 0100 09000000 00000000"))
    + Captures.enhanced(Packets.ethernet) + Captures.enhanced(Packets.ethernet)
    + Captures.block(5, hex("00000000 00000000 00000000"))
  static let pcap = Captures.pcap([(1, 2, Packets.ethernet), (3, 4, Packets.ethernet)])

  @Test(arguments: [pcapng, pcap])
  func `a file cut at any length gives what came before and a warning`(_ whole: [UInt8]) throws {
    var counts: Set<Int> = []
    for length in 4..<whole.count {
      let read = try Readout(Array(whole.prefix(length)))
      counts.insert(read.segments.count)
      // A cut between two blocks can't be told from a whole file.
      for problem in read.problems {
        #expect(problem.isWarning, "\(length): \(problem)")
        #expect(problem.offset <= length)
      }
    }
    #expect(counts == [0, 1, 2] || counts == [0, 1])
    #expect(try Readout(whole).problems.isEmpty)
  }

  @Test(arguments: [pcapng, pcap])
  func `no changed byte does harm`(_ whole: [UInt8]) {
    for offset in whole.indices {
      for flip: UInt8 in [0x01, 0x80, 0xff, 0x7f] {
        var bytes = whole
        bytes[offset] ^= flip
        // Refused, or read as far as it goes.
        _ = try? Readout(bytes)
      }
    }
  }

  @Test func `damage ends a file with its place, and the others go on`() throws {
    var damaged = Self.pcapng
    let second =
      Captures.section.count + Captures.interface(options: hex("0900 0100 09000000 00000000")).count
      + Captures.enhanced(Packets.ethernet).count
    damaged[second + 4] = 7
    let read = try Readout([TemporaryFile(damaged), TemporaryFile(Self.pcap)])
    #expect(read.segments.count == 3)
    #expect(read.problems.count == 1)
    #expect(read.problems[0].kind == .damaged)
    #expect(read.problems[0].offset == second)
    #expect(read.problems[0].what == "a block claims a length of 7 bytes")
  }

  @Test(arguments: [70_000, 10_000_000])
  func `a record longer than the snap length that does not fit into the file is damage, not a cut`(claimed: Int) throws
  {
    var bytes = Self.pcap + Captures.pcap([(5, 6, Packets.ethernet)]).dropFirst(24)
    let second = 24 + 16 + Packets.ethernet.count
    bytes.replaceSubrange(second + 8..<second + 12, with: le32(claimed))
    let read = try Readout(bytes)
    #expect(read.segments.count == 1)
    #expect(read.problems.map(\.kind) == [.damaged])
    #expect(read.problems.first?.offset == second)
    #expect(read.problems.first?.what.contains("snap length of 65535") == true)
  }

  @Test func `a whole record longer than the snap length is read, as some programs write them`() throws {
    var bytes = Self.pcap
    bytes.replaceSubrange(16..<20, with: le32(20))
    let read = try Readout(bytes)
    #expect(read.segments.count == 2 && read.problems.isEmpty)
  }

  struct Look: CustomTestStringConvertible, Sendable {
    var bytes: [UInt8]
    var kind: TraceProblem.Kind
    var what: String
    var testDescription: String { what }
  }

  static let looks = [
    Look(bytes: [], kind: .notACapture, what: "is empty"),
    Look(bytes: [1, 2], kind: .notACapture, what: "has only 2 bytes"),
    Look(bytes: hex("1f8b0800"), kind: .compressed, what: "is compressed with gzip"),
    Look(bytes: hex("28b52ffd"), kind: .compressed, what: "is compressed with zstd"),
    Look(bytes: hex("425a6839"), kind: .compressed, what: "is compressed with bzip2"),
    Look(bytes: Array("rules:\n".utf8), kind: .notACapture, what: "is text, not a capture"),
    Look(bytes: Array("snoop\0\0\0".utf8), kind: .unsupported, what: "is a snoop capture"),
    Look(bytes: hex("7f454c46"), kind: .notACapture, what: "is a program (ELF)"),
    Look(bytes: hex("0001 0203"), kind: .notACapture, what: "begins with 00010203, as no capture does"),
  ]

  @Test(arguments: looks)
  func `a file that is no capture is refused by what it looks like`(_ look: Look) {
    let problem = #expect(throws: TraceProblem.self) { try Readout(look.bytes) }
    #expect(problem?.kind == look.kind)
    #expect(problem?.what == look.what)
    #expect(problem?.advice.isEmpty == false)
  }

  @Test func `a missing file and a directory are refused`() {
    #expect(throws: TraceProblem.self) { try TraceReader(paths: ["/nowhere/at/all.pcapng"]) }
    let problem = #expect(throws: TraceProblem.self) { try TraceReader(paths: ["/"]) }
    #expect(problem?.kind == .notAFile)
  }

  @Test func `a version that is not known is refused`() throws {
    var bytes = Self.pcap
    bytes[4] = 3
    #expect(try Readout(bytes).problems.map(\.kind) == [.unsupported])
    bytes = Self.pcapng
    bytes[12] = 2
    #expect(try Readout(bytes).problems.map(\.kind) == [.unsupported])
  }
}
