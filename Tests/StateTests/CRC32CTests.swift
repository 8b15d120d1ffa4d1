import Testing

@testable import State

struct CRC32CTests {
  /// RFC 3720, section B.4, where the bytes of each checksum are in the order of the wire; and the usual check value.
  @Test(
    "CRC-32C gives the checksums that iSCSI's standard lists",
    arguments: [
      ([UInt8](repeating: 0, count: 32), 0x8A91_36AA), ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
      (Array(0..<32), 0x46DD_794E), ((0..<32).reversed(), 0x113F_DB5C), (Array("123456789".utf8), 0xE306_9283), ([], 0),
    ] as [([UInt8], UInt32)])
  func vectors(bytes: [UInt8], expected: UInt32) {
    #expect(CRC32C.checksum(bytes) == expected)
  }
}
