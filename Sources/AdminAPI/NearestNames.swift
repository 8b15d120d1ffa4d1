/// What somebody probably meant: the names nearest to one that does not exist.
///
/// Nearness is the number of single-byte edits (Levenshtein), case aside; a name that contains the wanted one, or is
/// contained in it, is near as well. Names are cut at 128 bytes and more than 8 edits are not counted, so that a
/// hostile name can't make this expensive: some 2,000 steps for each candidate.
package enum NearestNames {
  /// At most `limit` candidates, nearest first; empty when nothing is near.
  package static func of(_ name: String, among candidates: some Sequence<String>, limit: Int = 3) -> [String] {
    let wanted = folded(name)
    guard !wanted.isEmpty else { return [] }
    var near: [(distance: Int, name: String)] = []
    for candidate in candidates where !candidate.isEmpty {
      let other = folded(candidate)
      let bound = min(mostEdits, max(2, max(wanted.count, other.count) / 3))
      if let distance = distance(wanted, other, atMost: bound) {
        near.append((distance, candidate))
      } else if min(wanted.count, other.count) >= 3, contains(wanted, other) || contains(other, wanted) {
        near.append((bound + abs(wanted.count - other.count), candidate))
      }
    }
    near.sort { ($0.distance, $0.name) < ($1.distance, $1.name) }
    return near.prefix(limit).map(\.name)
  }

  /// Levenshtein distance, nil above `bound`. One row of the table is kept, and of it only what lies within `bound` of
  /// the diagonal is computed (Ukkonen).
  static func distance(_ a: [UInt8], _ b: [UInt8], atMost bound: Int) -> Int? {
    guard abs(a.count - b.count) <= bound else { return nil }
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    let far = bound + 1
    var row = (0...b.count).map { min($0, far) }
    for i in 1...a.count {
      let first = max(1, i - bound)
      let last = min(b.count, i + bound)
      var diagonal = row[first - 1]
      row[first - 1] = first == 1 ? min(i, far) : far
      var least = row[first - 1]
      for j in first...last {
        let above = j == i + bound ? far : row[j]
        let cost = a[i - 1] == b[j - 1] ? diagonal : min(far, 1 + min(diagonal, above, row[j - 1]))
        diagonal = row[j]
        row[j] = cost
        least = min(least, cost)
      }
      if least > bound { return nil }
    }
    return row[b.count] <= bound ? row[b.count] : nil
  }

  private static func folded(_ name: String) -> [UInt8] {
    name.utf8.prefix(128).map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }
  }

  private static func contains(_ long: [UInt8], _ short: [UInt8]) -> Bool {
    guard short.count <= long.count else { return false }
    return (0...(long.count - short.count)).contains { long[$0..<($0 + short.count)].elementsEqual(short) }
  }

  private static let mostEdits = 8
}
