// libFuzzer target: capture files and reassembly.
//
// Input: a capture file, read by the trace reader and reassembled; or, if it begins with the byte 'S', short records
// that become segments of one connection directly. Traps are found by the sanitizers, wrong sums by the preconditions
// below.

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Checks what a sink may rely on.
private final class FuzzConnection: ByteSink {
  var reassembler = Reassembler()
  let first: Endpoint
  private var received: UInt64 = 0
  private var lost: UInt64 = 0
  private var ends = [0, 0]

  init(first: Endpoint) { self.first = first }

  func received(_ bytes: RawSpan, from side: Side, at: Timestamp) {
    precondition(bytes.byteCount > 0)
    precondition(ends[Int(side.rawValue)] == 0)
    received += UInt64(bytes.byteCount)
    // Touch the first and the last byte: the span must be alive.
    let sum =
      Int(bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self))
      + Int(bytes.unsafeLoad(fromByteOffset: bytes.byteCount - 1, as: UInt8.self))
    precondition(sum >= 0)
  }

  func lost(_ count: Int, from side: Side, at: Timestamp) {
    precondition(count >= 0)
    precondition(ends[Int(side.rawValue)] == 0)
    lost += UInt64(count)
  }

  func ended(_ side: Side, _ end: StreamEnd, at: Timestamp) {
    ends[Int(side.rawValue)] += 1
    precondition(ends[Int(side.rawValue)] == 1)
  }

  func take(_ segment: Segment, _ payload: RawSpan, from side: Side) -> Reassembler.Outcome {
    let outcome = reassembler.ingest(segment, payload, from: side, into: self)
    precondition(reassembler.buffered_bytes <= 2 * Reassembler.Limits().held_bytes)
    return outcome
  }

  func expire(at: Timestamp) { reassembler.expire(at: at, into: self) }

  func finish(at: Timestamp) {
    reassembler.flush(at: at, into: self)
    precondition(reassembler.buffered_bytes == 0 && !reassembler.isWaiting)
    precondition(reassembler.counters.bytes == received && reassembler.counters.lost_bytes == lost)
  }
}

private struct FuzzKey: Hashable {
  var source: Endpoint
  var destination: Endpoint
}

private let path = "/tmp/stormfuse-fuzz-\(getpid())"

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPcapng(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = UnsafeRawBufferPointer(start: start, count: count)
  if input.first == UInt8(ascii: "S") {
    reassemble(input)
  } else {
    read(input)
  }
  return 0
}

private func read(_ input: UnsafeRawBufferPointer) {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  guard descriptor >= 0, write(descriptor, input.baseAddress, input.count) == input.count else { return }
  close(descriptor)
  defer { unlink(path) }
  guard let reader = try? TraceReader(paths: [path]) else { return }
  var connections: [FuzzKey: FuzzConnection] = [:]
  var segments: UInt64 = 0
  var latest = Timestamp.zero
  reader.forEachSegment { segment, payload in
    segments += 1
    latest = segment.at
    precondition(payload.byteCount <= segment.length)
    var key = FuzzKey(source: segment.source, destination: segment.destination)
    if connections[key] == nil {
      let swapped = FuzzKey(source: segment.destination, destination: segment.source)
      if connections[swapped] != nil { key = swapped }
    }
    let connection = connections[key] ?? FuzzConnection(first: key.source)
    connections[key] = connection
    let side: Side = connection.first == segment.source ? .first : .second
    if case .beginsAnew = connection.take(segment, payload, from: side) {
      connection.finish(at: latest)
      let next = FuzzConnection(first: segment.source)
      connections[key] = nil
      connections[FuzzKey(source: segment.source, destination: segment.destination)] = next
      guard case .taken = next.take(segment, payload, from: .first) else { fatalError("a new connection refuses") }
    }
    return true
  }
  for connection in connections.values { connection.finish(at: latest) }
  let statistics = reader.statistics[0]
  precondition(statistics.segments == segments)
  precondition(statistics.packets == segments + statistics.undecoded.reduce(0, +))
}

/// Records of 8 bytes: flags and side, sequence (2, signed, or a wild one), acknowledgement (2), length (1), payload
/// length (1), time step (1).
private func reassemble(_ input: UnsafeRawBufferPointer) {
  var connection = FuzzConnection(first: Endpoint(v4: 1, port: 1))
  var at = Timestamp.zero
  var offset = 1
  let bytes = [UInt8](repeating: 0x5a, count: 256)
  while offset + 8 <= input.count {
    let record = UnsafeRawBufferPointer(rebasing: input[offset..<offset + 8])
    offset += 8
    let side: Side = record[0] & 0x40 == 0 ? .first : .second
    var sequence = UInt32(truncatingIfNeeded: Int(Int16(truncatingIfNeeded: Int(record[1]) << 8 | Int(record[2]))))
    var acknowledgement = UInt32(
      truncatingIfNeeded: Int(Int16(truncatingIfNeeded: Int(record[3]) << 8 | Int(record[4]))))
    var flags = TCPFlags(rawValue: record[0] & 0x17)
    var length = Int(record[5])
    if record[0] & 0x80 != 0 {
      // Rare on the wire: far-off numbers, lengths without bytes.
      flags = .ack
      sequence = sequence &* 0x0001_0001
      acknowledgement = acknowledgement &* 0x0001_0001
      length = length &* 65_537
    }
    at = at + (Int64(Int8(bitPattern: record[7])) * 10_000_000)
    let segment = Segment(
      at: at, source: connection.first, destination: connection.first, sequence: sequence,
      acknowledgement: acknowledgement, flags: flags, length: length)
    let payload = bytes.span.bytes.extracting(0..<Int(record[6]))
    if case .beginsAnew = connection.take(segment, payload, from: side) {
      connection.finish(at: at)
      connection = FuzzConnection(first: connection.first)
      guard case .taken = connection.take(segment, payload, from: side) else { fatalError("a new connection refuses") }
    }
    if record[7] == 0x7f { connection.expire(at: at) }
  }
  connection.finish(at: at)
}
