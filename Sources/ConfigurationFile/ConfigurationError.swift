/// Everything that is wrong with one configuration file, in the order of the file.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  package var problems: [Problem]

  package struct Problem: Equatable, Sendable, CustomStringConvertible {
    package var file: String
    /// From 1; 0 when the problem is the file itself.
    package var line: Int
    /// From 1, in characters.
    package var column: Int
    /// What is wrong, what was probably meant, what to do.
    package var message: String

    package var description: String {
      line > 0 ? "\(file):\(line):\(column): \(message)" : "\(file): \(message)"
    }
  }

  init(problems: [Problem]) {
    self.problems = problems.enumerated().sorted {
      ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
    }.map(\.element)
  }

  /// One line to a problem.
  package var description: String { problems.map(\.description).joined(separator: "\n") }
}
