extension Endpoint: CustomStringConvertible {
  /// `127.0.0.1:5672`, `[::1]:5672`.
  package var description: String { isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)" }

  package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

  /// The address alone: dotted quad, or IPv6 as RFC 5952 writes it (lower case, longest run of zeros as `::`).
  package var host: String {
    if isIPv4 {
      return (0..<4).map { String((low >> UInt64(24 - 8 * $0)) & 0xff) }.joined(separator: ".")
    }
    let groups = (0..<8).map { i -> UInt64 in ((i < 4 ? high : low) >> UInt64(48 - 16 * (i & 3))) & 0xffff }
    var run = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(run.count, 1) { run = start..<end }
      start = end + 1
    }
    func text(_ part: ArraySlice<UInt64>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
    if run.isEmpty { return text(groups[...]) }
    return text(groups[..<run.lowerBound]) + "::" + text(groups[run.upperBound...])
  }
}
