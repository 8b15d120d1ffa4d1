/// Whether a destination's name contains another name as whole words, and more: `orders.dlq`, `dead-letters.orders` and
/// `OrdersDLQ` contain `orders` or `Orders`; `reorders.dlq` and `orders2.dlq` do not.
enum BorneName {
  /// UTF-8. What stands beside the name is no letter and no digit; a capital may follow it.
  static func stands(_ own: [UInt8], in name: [UInt8]) -> Bool {
    guard name.count > own.count, !own.isEmpty else { return false }
    for start in 0...name.count - own.count where name[start] == own[0] {
      let end = start + own.count
      guard name[start..<end].elementsEqual(own) else { continue }
      let before = start > 0 ? name[start - 1] : 0
      let after = end < name.count ? name[end] : 0
      if !isSmall(before | 0x20), !isDigit(before), !isSmall(after), !isDigit(after) { return true }
    }
    return false
  }

  private static func isSmall(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
