/// A 64-bit hash under a secret key: SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), so that
/// nobody who can choose what is hashed can choose what collides. Bytes in pieces or at once give the same hash.
///
/// Cost: one round for every 8 bytes, four more at the end. No allocation.
package struct KeyedHash: Sendable {
  /// The key; one for the life of an engine. Two hashes can be compared only if their keys are equal.
  package struct Key: Sendable {
    package var k0: UInt64
    package var k1: UInt64

    @inlinable package init(_ k0: UInt64, _ k1: UInt64) {
      self.k0 = k0
      self.k1 = k1
    }
  }

  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64
  /// The last up to seven bytes that do not fill a word yet, lowest first.
  private var tail: UInt64 = 0
  private var count: UInt64 = 0

  package init(_ key: Key) {
    v0 = key.k0 ^ 0x736f_6d65_7073_6575
    v1 = key.k1 ^ 0x646f_7261_6e64_6f6d
    v2 = key.k0 ^ 0x6c79_6765_6e65_7261
    v3 = key.k1 ^ 0x7465_6462_7974_6573
  }

  package mutating func combine(_ bytes: RawSpan) {
    let end = bytes.byteCount
    var i = 0
    while count & 7 != 0, i < end {
      combineByte(bytes.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self))
      i &+= 1
    }
    let words = i
    while end &- i >= 8 {
      absorb(UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: i, as: UInt64.self)))
      i &+= 8
    }
    count &+= UInt64(i &- words)
    while i < end {
      combineByte(bytes.unsafeLoad(fromUncheckedByteOffset: i, as: UInt8.self))
      i &+= 1
    }
  }

  /// Mixes in a number as its eight bytes, lowest first.
  package mutating func combine(_ number: UInt64) {
    guard count & 7 == 0 else {
      for shift in stride(from: UInt64(0), to: 64, by: 8) { combineByte(UInt8(truncatingIfNeeded: number &>> shift)) }
      return
    }
    absorb(number)
    count &+= 8
  }

  /// Mixes in the slice's length and bytes, so that ("ab", "c") and ("a", "bc") differ.
  package mutating func combine(_ text: Text, in span: RawSpan) {
    let range = text.range(in: span)
    combine(UInt64(range.count))
    combine(span.extracting(range))
  }

  /// The hash of everything combined so far. Combining may go on afterwards.
  package func finish() -> UInt64 {
    var end = self
    end.absorb(tail | count &<< 56)
    end.v2 ^= 0xff
    end.round()
    end.round()
    end.round()
    return end.v0 ^ end.v1 ^ end.v2 ^ end.v3
  }

  package static func hash(_ bytes: RawSpan, _ key: Key) -> UInt64 {
    var hash = KeyedHash(key)
    hash.combine(bytes)
    return hash.finish()
  }

  package static func hash(_ text: Text, in span: RawSpan, _ key: Key) -> UInt64 {
    hash(span.extracting(text.range(in: span)), key)
  }

  @inline(__always) private mutating func combineByte(_ byte: UInt8) {
    tail |= UInt64(byte) &<< (8 &* (count & 7))
    count &+= 1
    guard count & 7 == 0 else { return }
    absorb(tail)
    tail = 0
  }

  @inline(__always) private mutating func absorb(_ word: UInt64) {
    v3 ^= word
    round()
    v0 ^= word
  }

  @inline(__always) private mutating func round() {
    v0 &+= v1
    v2 &+= v3
    v1 = rotate(v1, 13) ^ v0
    v3 = rotate(v3, 16) ^ v2
    v0 = rotate(v0, 32)
    v2 &+= v1
    v0 &+= v3
    v1 = rotate(v1, 17) ^ v2
    v3 = rotate(v3, 21) ^ v0
    v2 = rotate(v2, 32)
  }
}

@inline(__always) private func rotate(_ x: UInt64, _ n: UInt64) -> UInt64 { x &<< n | x &>> (64 &- n) }
