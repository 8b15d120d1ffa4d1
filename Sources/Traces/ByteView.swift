/// Bounds-checked reading in a mapped file. The mapping outlives every view of it: `TraceFile` owns both.
struct ByteView {
  let base: UnsafeRawPointer
  let count: Int

  init(_ buffer: UnsafeRawBufferPointer) {
    // An empty buffer may have no base; nothing is ever read from it.
    base = buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
    count = buffer.count
  }

  private init(base: UnsafeRawPointer, count: Int) {
    self.base = base
    self.count = count
  }

  /// The first `size` bytes, or fewer if there are fewer.
  func prefix(_ size: Int) -> ByteView { ByteView(base: base, count: max(0, min(size, count))) }

  @inline(__always) func has(_ size: Int, at offset: Int) -> Bool {
    offset >= 0 && size >= 0 && offset <= count && size <= count - offset
  }

  @inline(__always) func byte(_ offset: Int) -> UInt8? {
    has(1, at: offset) ? base.load(fromByteOffset: offset, as: UInt8.self) : nil
  }
  @inline(__always) func be16(_ offset: Int) -> UInt16? {
    has(2, at: offset) ? UInt16(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self)) : nil
  }
  @inline(__always) func be32(_ offset: Int) -> UInt32? {
    has(4, at: offset) ? UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) : nil
  }
  @inline(__always) func be64(_ offset: Int) -> UInt64? {
    has(8, at: offset) ? UInt64(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) : nil
  }

  // Without a check of their own: only for offsets that `has` was asked about before.
  @inline(__always) func checked8(_ offset: Int) -> UInt8 { base.load(fromByteOffset: offset, as: UInt8.self) }
  @inline(__always) func checked16(_ offset: Int) -> UInt16 {
    UInt16(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
  @inline(__always) func checked32(_ offset: Int) -> UInt32 {
    UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
  @inline(__always) func checked32(_ offset: Int, big: Bool) -> UInt32 {
    big ? checked32(offset) : checked32(offset).byteSwapped
  }

  /// In the file's own byte order.
  @inline(__always) func u16(_ offset: Int, big: Bool) -> UInt16? {
    be16(offset).map { big ? $0 : $0.byteSwapped }
  }
  @inline(__always) func u32(_ offset: Int, big: Bool) -> UInt32? {
    be32(offset).map { big ? $0 : $0.byteSwapped }
  }
  @inline(__always) func u64(_ offset: Int, big: Bool) -> UInt64? {
    be64(offset).map { big ? $0 : $0.byteSwapped }
  }

  /// Must lie within the view.
  @inline(__always) func slice(_ offset: Int, _ size: Int) -> UnsafeRawBufferPointer {
    guard has(size, at: offset) else { return UnsafeRawBufferPointer(start: base, count: 0) }
    return UnsafeRawBufferPointer(start: base + offset, count: size)
  }
}
