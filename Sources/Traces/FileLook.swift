/// What a file that is no capture looks like, and what to do with it.
enum FileLook {
  static func problem(_ file: ByteView, path: String) -> TraceProblem {
    func problem(_ kind: TraceProblem.Kind, _ what: String, _ advice: String) -> TraceProblem {
      TraceProblem(kind: kind, path: path, offset: 0, what: what, advice: advice)
    }
    guard file.count >= 4, let start = file.be32(0) else {
      return problem(
        .notACapture, file.count == 0 ? "is empty" : "has only \(file.count) bytes",
        "name a pcapng or pcap file, as tcpdump -w or dumpcap write it")
    }
    if start >> 16 == 0x1f8b { return problem(.compressed, "is compressed with gzip", "unpack it first: gzip -d FILE") }
    switch start {
    case 0x28b5_2ffd: return problem(.compressed, "is compressed with zstd", "unpack it first: zstd -d FILE")
    case 0x0422_4d18: return problem(.compressed, "is compressed with lz4", "unpack it first: lz4 -d FILE")
    case 0xfd37_7a58: return problem(.compressed, "is compressed with xz", "unpack it first: xz -d FILE")
    case 0x504b_0304: return problem(.compressed, "is a zip archive", "unpack it first: unzip FILE")
    case 0xa1b2_cd34, 0x34cd_b2a1:
      return problem(.unsupported, "is a pcap file of a modified kind", "convert it: editcap -F pcapng IN OUT")
    case 0x736e_6f6f: return problem(.unsupported, "is a snoop capture", "convert it: editcap -F pcapng IN OUT")
    case 0x474d_4255, 0x5254_5353:
      return problem(.unsupported, "is a Network Monitor capture", "convert it: editcap -F pcapng IN OUT")
    case 0x7f45_4c46: return problem(.notACapture, "is a program (ELF)", "name a pcapng or pcap file")
    default: break
    }
    if start >> 8 == 0x425a68 {
      return problem(.compressed, "is compressed with bzip2", "unpack it first: bzip2 -d FILE")
    }
    let look = (0..<min(file.count, 64)).allSatisfy { offset in
      file.byte(offset).map { $0 == 9 || $0 == 10 || $0 == 13 || (32...126).contains($0) } ?? false
    }
    if look {
      return problem(
        .notACapture, "is text, not a capture", "name a pcapng or pcap file, as tcpdump -w or dumpcap write it")
    }
    let digits = String(start, radix: 16)
    return problem(
      .notACapture, "begins with \(String(repeating: "0", count: 8 - digits.count) + digits), as no capture does",
      "name a pcapng or pcap file, as tcpdump -w or dumpcap write it")
  }
}
