/// A compiled BPF program file, embedded in the executable. The constants (`BPFObject.capture` for `bpf/capture.bpf.c`)
/// are made by the build plugin in `BuildSupport`.
package struct BPFObject: Sendable {
  private let hex: StaticString

  init(hex: StaticString) { self.hex = hex }

  /// The ELF file's bytes; decodes them anew at each call (50 µs for 60 KB).
  package var bytes: [UInt8] {
    hex.withUTF8Buffer { digits in
      [UInt8](unsafeUninitializedCapacity: digits.count / 2) { bytes, count in
        count = digits.count / 2
        for i in 0..<count { bytes[i] = Self.value(digits[2 * i]) << 4 | Self.value(digits[2 * i + 1]) }
      }
    }
  }

  /// Of a lower-case hex digit; the tool writes nothing else.
  private static func value(_ digit: UInt8) -> UInt8 { digit & 0xf &+ (digit >> 6) &* 9 }
}
