/// What the verifier took exception to: the program and the last line of its log, from what libbpf printed.
struct VerifierWords: CustomStringConvertible {
  let program: String
  let line: String

  /// Nil if no program was refused. libbpf puts the log of a refused program between "-- BEGIN PROG LOAD LOG --" and
  /// "-- END PROG LOAD LOG --", with the name before; the verifier ends it with "processed N insns".
  init?(_ said: String) {
    let lines = said.split(separator: "\n")
    guard let end = lines.lastIndex(where: { $0.contains("-- END PROG LOAD LOG --") }) else { return nil }
    let log = lines[..<end].reversed().drop { $0.hasPrefix("processed ") || $0.hasPrefix("verification time") }
    guard let last = log.first, !last.contains("-- BEGIN PROG LOAD LOG --") else { return nil }
    line = String(last)
    program =
      lines[end...].lazy.compactMap { $0.split(separator: "'", maxSplits: 2).dropFirst().first.map(String.init) }.first
      ?? "?"
  }

  var description: String { "program \(program): \(line)" }
}
