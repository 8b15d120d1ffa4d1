/// One frame as it goes over the wire, and the fact that it states.
struct AMQPSample: Sendable {
  let bytes: [UInt8]
  let fact: String

  init(_ hex: String, _ fact: String) {
    bytes = Self.parse(hex)
    self.fact = fact
  }

  /// Hex digits in pairs, text in single quotes, comments from `#` to the line's end.
  static func parse(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for line in text.split(separator: "\n") {
      var high: UInt8?
      var quoted = false
      for character in line.utf8 {
        if character == UInt8(ascii: "'") {
          quoted.toggle()
        } else if quoted {
          bytes.append(character)
        } else if character == UInt8(ascii: "#") {
          break
        } else if let digit = Character(Unicode.Scalar(character)).hexDigitValue.map(UInt8.init) {
          if let first = high {
            bytes.append(first << 4 | digit)
            high = nil
          } else {
            high = digit
          }
        }
      }
    }
    return bytes
  }
}

/// A stream of samples: its bytes, where each sample begins, and what it says.
struct AMQPSampleStream: Sendable {
  let samples: [AMQPSample]
  let bytes: [UInt8]
  /// One more than samples: the last is the end.
  let starts: [Int]

  init(_ samples: [AMQPSample]) {
    self.samples = samples
    bytes = samples.flatMap(\.bytes)
    starts = samples.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.bytes.count) }
  }

  var facts: [String] { samples.map(\.fact) }
}
