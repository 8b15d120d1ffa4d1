#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// How text for people is written to one output: with colour on a terminal, plain everywhere else.
package enum TerminalStyle: Equatable, Sendable {
  case plain, colour

  /// Colour if the descriptor is a terminal, unless `NO_COLOR` is set to anything (https://no-color.org) or `TERM` is
  /// `dumb`.
  package static func detect(descriptor: Int32, environment: [String: String]) -> TerminalStyle {
    guard isatty(descriptor) == 1, environment["NO_COLOR", default: ""].isEmpty, environment["TERM"] != "dumb" else {
      return .plain
    }
    return .colour
  }

  package enum Colour: Int, Sendable { case red = 31, green = 32, yellow = 33, grey = 90, bold = 1 }

  package func paint(_ text: String, _ colour: Colour?) -> String {
    guard self == .colour, let colour else { return text }
    return "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m"
  }

  /// Text from the wire or a file without what could steer a terminal: control characters become `\u{…}`.
  package static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isControl(scalar) {
        out.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      } else {
        out.append(scalar)
      }
    }
    return String(out)
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
