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

  /// Reads what `description` writes, and IPv6 however it is abbreviated; nil for anything else.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = Self.number(text[text.index(after: colon)...], radix: 10),
      let port = UInt16(exactly: port)
    else { return nil }
    let host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      guard let groups = Self.groups(host.dropFirst().dropLast()) else { return nil }
      func half(_ part: ArraySlice<UInt64>) -> UInt64 { part.reduce(0) { $0 << 16 | $1 } }
      self.init(high: half(groups[..<4]), low: half(groups[4...]), port: port)
      return
    }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { Self.number($0, radix: 10) }
    guard parts.count == 4 else { return nil }
    var v4: UInt32 = 0
    for part in parts {
      guard let part, part <= 255 else { return nil }
      v4 = v4 << 8 | UInt32(part)
    }
    self.init(v4: v4, port: port)
  }

  /// The eight groups of an IPv6 address.
  private static func groups(_ text: Substring) -> [UInt64]? {
    func read(_ part: Substring) -> [UInt64]? {
      if part.isEmpty { return [] }
      let groups = part.split(separator: ":", omittingEmptySubsequences: false).compactMap { number($0, radix: 16) }
      return groups.count == part.count(where: { $0 == ":" }) + 1 ? groups : nil
    }
    let bytes = Array(text.utf8)
    let gap = bytes.indices.dropLast().first { bytes[$0] == 0x3a && bytes[$0 + 1] == 0x3a }
    guard let gap else {
      guard let groups = read(text), groups.count == 8 else { return nil }
      return groups
    }
    guard let before = read(text.prefix(gap)), let after = read(text.dropFirst(gap + 2)), before.count + after.count < 8
    else { return nil }
    return before + Array(repeating: 0, count: 8 - before.count - after.count) + after
  }

  /// Digits alone, no sign, at most five.
  private static func number(_ text: Substring, radix: Int) -> UInt64? {
    guard (1...5).contains(text.utf8.count), text.utf8.first != 0x2b, let number = UInt64(text, radix: radix),
      number <= 0xffff
    else { return nil }
    return number
  }
}
