/// A pattern over names: `*` stands for any bytes, none included, `?` for one character, everything else for itself.
///
/// Cost: `*` never needs more than one place to return to, because the shortest match of what stands before a later `*`
/// is as good as any; so a match takes at most pattern × name steps, whatever the pattern, and allocates nothing.
package struct Glob: Hashable, Sendable {
  package let pattern: String
  package let ignoresCase: Bool

  /// `ignoresCase` makes the ASCII letters equal to their capitals.
  package init(_ pattern: String, ignoresCase: Bool = false) {
    self.pattern = pattern
    self.ignoresCase = ignoresCase
  }

  package func matches(_ name: String) -> Bool {
    let pattern = pattern.utf8
    let name = name.utf8
    var p = pattern.startIndex
    var n = name.startIndex
    var afterStar: String.UTF8View.Index?
    var retry = name.startIndex
    while n < name.endIndex {
      if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
        p = pattern.index(after: p)
        afterStar = p
        retry = n
      } else if p < pattern.endIndex, pattern[p] == UInt8(ascii: "?") {
        p = pattern.index(after: p)
        n = Self.nextCharacter(name, n)
      } else if p < pattern.endIndex, isSame(pattern[p], name[n]) {
        p = pattern.index(after: p)
        n = name.index(after: n)
      } else if let star = afterStar {
        retry = Self.nextCharacter(name, retry)
        p = star
        n = retry
      } else {
        return false
      }
    }
    while p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") { p = pattern.index(after: p) }
    return p == pattern.endIndex
  }

  /// A Unicode scalar is one character here: its first byte and the continuation bytes after it.
  private static func nextCharacter(_ text: String.UTF8View, _ at: String.UTF8View.Index) -> String.UTF8View.Index {
    var next = text.index(after: at)
    while next < text.endIndex, text[next] & 0xc0 == 0x80 { next = text.index(after: next) }
    return next
  }

  @inline(__always) private func isSame(_ a: UInt8, _ b: UInt8) -> Bool {
    a == b || ignoresCase && a | 0x20 == b | 0x20 && (0x61...0x7a).contains(a | 0x20)
  }
}
