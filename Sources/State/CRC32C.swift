/// CRC-32C: the Castagnoli polynomial 0x1EDC6F41, here bit-reversed, with ones before and after, as iSCSI defines it (RFC
/// 3720, sections 12.1 and B.4, which also has test vectors). It finds every burst of up to 32 bits and, at the lengths of
/// a header, every change of up to five bits.
enum CRC32C {
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)]
    }
    return ~crc
  }

  private static let table: [UInt32] = (0..<256).map { (index: UInt32) in
    (0..<8).reduce(index) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
  }
}
