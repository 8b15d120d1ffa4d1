/// Bounds-checked reads in network order: nil where the bytes are not there.
extension RawSpan {
  @inline(__always) func u8(_ offset: Int) -> UInt8? {
    guard offset >= 0, offset < byteCount else { return nil }
    return unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
  }

  @inline(__always) func be16(_ offset: Int) -> UInt16? {
    guard offset >= 0, offset <= byteCount &- 2 else { return nil }
    return UInt16(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self))
  }

  @inline(__always) func be32(_ offset: Int) -> UInt32? {
    guard offset >= 0, offset <= byteCount &- 4 else { return nil }
    return UInt32(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
  }

  @inline(__always) func be64(_ offset: Int) -> UInt64? {
    guard offset >= 0, offset <= byteCount &- 8 else { return nil }
    return UInt64(bigEndian: unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
  }
}

extension RawSpan {
  enum Beginning { case match, unfinished, no }

  /// Whether the bytes begin with that word, or are themselves its beginning.
  func begins(with word: StaticString) -> Beginning {
    let count = min(word.utf8CodeUnitCount, byteCount)
    for i in 0..<count where u8(i) != word.utf8Start[i] { return .no }
    return count == word.utf8CodeUnitCount ? .match : .unfinished
  }
}
