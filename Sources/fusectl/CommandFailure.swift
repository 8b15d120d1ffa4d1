internal import AdminAPI

/// Why a command could not do what it was asked, as people read it, and the exit code that says so to scripts.
enum CommandFailure: Error, Equatable {
  /// The sidecar answered with an error.
  case refused(Problem)
  /// It answered something that this version does not understand.
  case strange(String)
  case unreachable(String)
  case wrongAddress(String)
  /// The token's file can't be used.
  case wrongToken(String)

  var exitCode: Int32 {
    switch self {
    case .refused, .strange: 1
    case .unreachable: 3
    case .wrongAddress, .wrongToken: 64
    }
  }

  var text: String {
    switch self {
    case .refused(let problem):
      // Details quote names from the wire.
      var text = TerminalStyle.printable(problem.description)
      if let nearest = problem.nearest, !nearest.isEmpty {
        let names = nearest.map(TerminalStyle.printable)
        text +=
          problem.status == 404
          ? "\ndid you mean \(names.joined(separator: ", "))?" : "\n" + names.joined(separator: "\n")
      }
      return text
    case .strange(let text), .unreachable(let text), .wrongAddress(let text), .wrongToken(let text): return text
    }
  }
}
