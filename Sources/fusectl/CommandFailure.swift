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
      let words = [problem.detail, Self.remedy(problem)].compactMap(\.self).joined(separator: "; ")
      var text = TerminalStyle.printable(words)
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

  /// What to do, in this program's words where the API's hint speaks of HTTP.
  private static func remedy(_ problem: Problem) -> String? {
    switch problem.kind {
    case .stale:
      "look at it again (fusectl show), then ask with --if-revision \(problem.revision.map(String.init) ?? "and that one")"
    case .noSuchBreaker: "fusectl status shows all that there are"
    case .ambiguous: "name the cluster as key@cluster, and the target with --target where one cluster has several:"
    case .unauthorized: "name the file of the sidecar's token with --token-file or STORMFUSE_TOKEN_FILE"
    case .wrongHost: "use one of them in --admin, or add the name to admin.hosts in stormfuse's configuration"
    case .noSuchPath, .methodNotAllowed, .notAcceptable, .lengthRequired, .unsupportedMediaType, .crossOrigin:
      "is --admin the address of a stormfuse's admin API, and of the same version as this fusectl?"
    case .noSuchTarget: "without --target the report is of all"
    case .badRequest, .readOnly, .tooLarge, .failed, .unavailable, .notSaved, nil: problem.hint
    }
  }
}
