internal import Yams

/// From a path to a tree of YAML nodes with their places.
enum SourceText {
  typealias Problem = ConfigurationError.Problem

  static func read(_ path: String) throws(ConfigurationError) -> String {
    let bytes = try FileBytes.read(path, atMost: largest_bytes)
    guard bytes.count <= largest_bytes else { throw tooLarge(path) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let (line, column) = firstInvalid(bytes)
      throw ConfigurationError(problems: [
        Problem(file: path, line: line, column: column, message: "not UTF-8: save the file in UTF-8")
      ])
    }
    return text
  }

  /// The file's one document, and a problem for each key that is repeated.
  static func compose(_ text: String, file: String) throws(ConfigurationError) -> (Node, [Problem]) {
    guard text.utf8.count <= largest_bytes else { throw tooLarge(file) }
    var text = text
    if text.hasPrefix("\u{feff}") { text.removeFirst() }
    var problems: [Problem] = []
    // The parser stops at a mapping with a repeated key. Each repetition is renamed, so that the rest is still read.
    while true {
      do {
        guard let node = try Yams.compose(yaml: text, .default, .default, .utf8), !isEmpty(node) else {
          throw refused(
            file, "empty: write what differs from the defaults, or just \"mode: observe\", the default mode")
        }
        return (node, problems)
      } catch let error as ConfigurationError {
        throw error
      } catch YamlError.duplicatedKeysInMapping(let names, let context) {
        guard let name = names.first else { throw refused(file, "a key is repeated") }
        guard problems.count < mostDuplicates,
          let (line, column) = rename(&text, key: name, after: context.mark, count: problems.count)
        else {
          problems.append(
            Problem(
              file: file, line: context.mark.line, column: context.mark.column,
              message: "\"\(name)\" occurs more than once in the same mapping: keep one of them"))
          throw ConfigurationError(problems: problems)
        }
        problems.append(
          Problem(
            file: file, line: line, column: column,
            message: "\"\(name)\" occurs again; it is already in line \(context.mark.line): keep one of them"))
      } catch let error as YamlError {
        throw ConfigurationError(problems: problems + [syntaxProblem(error, text, file)])
      } catch {
        throw refused(file, "can't be read as YAML: \(error)")
      }
    }
  }

  static let placeholder = "__repeated_"

  private static func isEmpty(_ node: Node) -> Bool {
    guard case .scalar(let scalar) = node else { return false }
    return scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
  }

  /// Finds the next occurrence of a key of block style at the column of its first and renames it; nil if there is none.
  private static func rename(_ text: inout String, key: String, after mark: Mark, count: Int) -> (Int, Int)? {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    for index in lines.indices.dropFirst(mark.line) {
      let line = lines[index]
      let start = line.index(line.startIndex, offsetBy: mark.column - 1, limitedBy: line.endIndex) ?? line.endIndex
      let rest = line[start...]
      guard line[..<start].allSatisfy({ $0 == " " }) else { continue }
      for written in [key, "\"\(key)\"", "'\(key)'"] where rest.hasPrefix(written) {
        guard rest.dropFirst(written.count).drop(while: { $0 == " " }).hasPrefix(":") else { continue }
        lines[index] = line[..<start] + placeholder + String(count) + rest.dropFirst(written.count)
        text = lines.joined(separator: "\n")
        return (index + 1, mark.column)
      }
    }
    return nil
  }

  private static func syntaxProblem(_ error: YamlError, _ text: String, _ file: String) -> Problem {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let setting = context.map { "\($0.text) (line \($0.mark.line)): " } ?? ""
      return Problem(
        file: file, line: mark.line, column: mark.column, message: "not YAML: \(setting)\(problem)\(advice(problem))")
    case .reader(let problem, let offset, let value, _):
      let before = text.prefix(offset ?? 0)
      let line = before.reduce(1) { $1.isNewline ? $0 + 1 : $0 }
      let column = (before.lastIndex(where: \.isNewline).map { before[before.index(after: $0)...] } ?? before).count + 1
      let code = value >= 0 ? " (U+\(String(value, radix: 16, uppercase: true)))" : ""
      return Problem(file: file, line: line, column: column, message: "not YAML: \(problem)\(code): remove it")
    default:
      return Problem(file: file, line: 0, column: 0, message: "not YAML: \(error)")
    }
  }

  private static func advice(_ problem: String) -> String {
    if problem.contains("mapping values are not allowed") {
      return ": check the indentation; a value with \": \" in it needs quotes"
    }
    if problem.contains("cannot start any token") {
      return ": indent with spaces, not tabs; a value that begins with *, &, @, ` or % needs quotes"
    }
    if problem.contains("undefined alias") { return ": a value that begins with * needs quotes" }
    if problem.contains("another document") { return ": one file holds one configuration; remove the ---" }
    return ": check indentation, brackets and quotes hereabouts"
  }

  private static func tooLarge(_ file: String) -> ConfigurationError {
    refused(file, "larger than \(largest_bytes >> 10) KiB, which no configuration needs: is it the right file?")
  }

  static func refused(_ file: String, _ message: String) -> ConfigurationError {
    ConfigurationError(problems: [Problem(file: file, line: 0, column: 0, message: message)])
  }

  private static func firstInvalid(_ bytes: [UInt8]) -> (line: Int, column: Int) {
    // Each line is judged by itself: a line feed is never inside a UTF-8 sequence.
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
    where String(validating: line, as: UTF8.self) == nil {
      let text = String(decoding: line, as: UTF8.self)
      return (
        index + 1, (text.firstIndex(of: "\u{fffd}").map { text.distance(from: text.startIndex, to: $0) } ?? 0) + 1
      )
    }
    return (1, 1)
  }

  static let largest_bytes = 1 << 20
  private static let mostDuplicates = 100
}
