import Testing

@testable import Pipeline

@Suite struct KeyedHashTests {
  /// CPython's hash of bytes under PYTHONHASHSEED=0 is SipHash-1-3 with a key of zeros.
  @Test(arguments: [
    ("a", 0x407448d2b89b1813),
    ("orders", 0x52adb308ec5c4bb4),
    ("12345678", 0x3489982430560a87),
    ("123456789", 0x0fbc0f0007965fcf),
    ("a message key of more than thirty-two bytes", 0x7a3b63dfeec71df3),
  ])
  func `agrees with another implementation`(text: String, hash: UInt64) {
    #expect(KeyedHash.hash(Array(text.utf8).span.bytes, KeyedHash.Key(0, 0)) == hash)
  }

  @Test func `agrees with the published vector for the key 00 to 0f`() {
    let key = KeyedHash.Key(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
    #expect(KeyedHash.hash(RawSpan(), key) == 0xabac_0158_050f_c4dc)
  }

  @Test func `is the same however the bytes are cut`() {
    let bytes = (0..<40).map { UInt8($0 * 6) }
    let key = KeyedHash.Key(1, 2)
    let whole = KeyedHash.hash(bytes.span.bytes, key)
    for first in 0...40 {
      for second in first...40 {
        var hash = KeyedHash(key)
        hash.combine(bytes.span.bytes.extracting(0..<first))
        hash.combine(bytes.span.bytes.extracting(first..<second))
        hash.combine(bytes.span.bytes.extracting(second..<40))
        #expect(hash.finish() == whole)
      }
    }
  }

  @Test func `mixes numbers as their bytes, and tells apart where one text ends and the next begins`() {
    let key = KeyedHash.Key(1, 2)
    var number = KeyedHash(key)
    number.combine(([9] as [UInt8]).span.bytes)
    number.combine(0x0807_0605_0403_0201)
    #expect(number.finish() == KeyedHash.hash(([9, 1, 2, 3, 4, 5, 6, 7, 8] as [UInt8]).span.bytes, key))

    let bytes: [UInt8] = [0x61, 0x62, 0x63]
    var first = KeyedHash(key)
    var second = KeyedHash(key)
    first.combine(Text(offset: 0, count: 1), in: bytes.span.bytes)
    first.combine(Text(offset: 1, count: 2), in: bytes.span.bytes)
    second.combine(Text(offset: 0, count: 2), in: bytes.span.bytes)
    second.combine(Text(offset: 2, count: 1), in: bytes.span.bytes)
    #expect(first.finish() != second.finish())
  }
}
