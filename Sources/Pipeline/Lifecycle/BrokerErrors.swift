/// One error that a broker told a client of.
struct BrokerError {
  /// The protocol's number for it.
  var code: Int
  /// The name of the request that failed, as the protocol writes it; empty where none is named.
  var request = ""
  /// The broker's words or the code's name, without anything of a message.
  var text: String
}

/// The errors that brokers told the consumers of one group, each with how often.
///
/// Texts that differ in numbers alone count as one, and keep the latest. Memory: at most 32 different ones of at most 255
/// bytes; further ones count by their code under the text `(other)`, of which there are at most as many again, past that
/// under the code 0.
struct BrokerErrors {
  struct Entry {
    var error: BrokerError
    var count: UInt64
    var last: Timestamp
    fileprivate var pattern: String
  }

  /// In the order in which they were first seen.
  private(set) var list: [Entry] = []

  mutating func count(_ error: BrokerError, at: Timestamp) { add(error, times: 1, at: at) }

  /// Adds what another group of the same brokers was told.
  mutating func merge(_ other: BrokerErrors) {
    for entry in other.list { add(entry.error, times: entry.count, at: entry.last) }
  }

  private mutating func add(_ error: BrokerError, times: UInt64, at: Timestamp) {
    let pattern = Self.withoutNumbers(error.text)
    if let known = list.firstIndex(where: {
      $0.error.code == error.code && $0.error.request == error.request && $0.pattern == pattern
    }) {
      list[known].count += times
      guard at >= list[known].last else { return }
      list[known].last = at
      list[known].error.text = error.text
    } else if list.count < Self.bound
      || (error.text == Self.other && (list.count < 2 * Self.bound || error.code == 0))
    {
      list.append(Entry(error: error, count: times, last: at, pattern: pattern))
    } else {
      let code = list.count < 2 * Self.bound ? error.code : 0
      add(BrokerError(code: code, text: Self.other), times: times, at: at)
    }
  }

  /// Every run of digits as one sign.
  private static func withoutNumbers(_ text: String) -> String {
    var pattern = ""
    var wasDigit = false
    for scalar in text.unicodeScalars {
      let isDigit = ("0"..."9").contains(scalar)
      if !isDigit { pattern.unicodeScalars.append(scalar) } else if !wasDigit { pattern += "#" }
      wasDigit = isDigit
    }
    return pattern
  }

  private static let other = "(other)"
  static let bound = 32
}
