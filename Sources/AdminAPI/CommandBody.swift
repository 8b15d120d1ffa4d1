/// Body of a command: who asks, why, and for an override what. Written by fusectl, read by the server.
package struct CommandBody: Encodable, Equatable, Sendable {
  /// Of an override only.
  package var state: OverrideState?
  /// Seconds. Of an override: its time limit; nil: 15 minutes for `forced_open` (unless configured otherwise), no limit for
  /// `forced_closed`. Of a trip: how long it stays open before half-open; nil: a minute (unless configured otherwise).
  package var limit_s: Double?
  package var reason: String
  package var author: String

  package enum OverrideState: String, Codable, CaseIterable, Sendable {
    case forcedOpen = "forced_open"
    case forcedClosed = "forced_closed"
  }

  package init(state: OverrideState? = nil, limit_s: Double? = nil, reason: String, author: String) {
    self.state = state
    self.limit_s = limit_s
    self.reason = reason
    self.author = author
  }

  package static let mediaType = "application/json"
  package static let longestReason_bytes = 1000
  package static let longestAuthor_bytes = 200
  /// A day: who needs longer removes the target, or renews.
  package static let longestLimit_s: Double = 86_400
  /// Of the whole body.
  package static let most_bytes = 16 << 10

  /// Reads a body strictly.
  ///
  /// - Parameter command: `state` belongs to an override only, `limit_s` to a trip as well.
  /// - Throws: A problem of status 400 that names the field: one that is missing, of a wrong type, past its bounds, or
  ///   unknown.
  package static func read(_ bytes: [UInt8], of command: CommandAnswer.Name) throws(Problem) -> CommandBody {
    let (known, example) =
      switch command {
      case .override:
        (
          ["author", "limit_s", "reason", "state"],
          #"{"state":"forced_open","limit_s":900,"reason":"…","author":"…"}"#
        )
      case .trip: (["author", "limit_s", "reason"], #"{"limit_s":60,"reason":"…","author":"…"}"#)
      case .reset, .clearOverride: (["author", "reason"], #"{"reason":"…","author":"…"}"#)
      }
    guard let value = try? JSON.decode(JSONValue.self, from: bytes), case .object(let fields) = value else {
      throw Problem(
        kind: .badRequest, detail: bytes.isEmpty ? "the body is empty" : "the body is not a JSON object",
        hint: "send \(example)")
    }
    let unknown = fields.keys.filter { !known.contains($0) }.sorted().prefix(10)
    guard unknown.isEmpty else {
      let names = unknown.map { "\"\(TerminalStyle.printable(String($0.prefix(100))))\"" }.joined(separator: ", ")
      throw Problem(
        kind: .badRequest, detail: "unknown field \(names)", hint: "known are \(known.joined(separator: ", "))")
    }
    var body = CommandBody(
      reason: try text(fields["reason"], "reason", longest_bytes: longestReason_bytes),
      author: try text(fields["author"], "author", longest_bytes: longestAuthor_bytes))
    if command == .override { body.state = try state(fields["state"]) }
    if known.contains("limit_s") { body.limit_s = try limit(fields["limit_s"]) }
    return body
  }

  private static func text(_ value: JSONValue?, _ name: String, longest_bytes: Int) throws(Problem) -> String {
    switch value {
    case nil, .null:
      throw Problem(kind: .badRequest, detail: "\(name) is missing", hint: "every command says who asks and why")
    case .string(let text):
      guard !text.allSatisfy(\.isWhitespace) else {
        throw Problem(kind: .badRequest, detail: "\(name) is empty", hint: "every command says who asks and why")
      }
      guard text.utf8.count <= longest_bytes else {
        throw Problem(
          kind: .badRequest, detail: "\(name) has \(text.utf8.count) bytes",
          hint: "at most \(longest_bytes) are allowed")
      }
      guard !text.unicodeScalars.contains(where: isControl) else {
        throw Problem(kind: .badRequest, detail: "\(name) contains a control character", hint: "write it in one line")
      }
      return text
    default: throw Problem(kind: .badRequest, detail: "\(name) is not a string", hint: "write it in quotes")
    }
  }

  private static func state(_ value: JSONValue?) throws(Problem) -> OverrideState {
    let names = OverrideState.allCases.map(\.rawValue)
    guard case .string(let text) = value, let state = OverrideState(rawValue: text) else {
      let missing = value == nil || value == .null
      throw Problem(
        kind: .badRequest, detail: missing ? "state is missing" : "state is not one of those that can be forced",
        hint: "state is \(names.joined(separator: " or "))")
    }
    return state
  }

  private static func limit(_ value: JSONValue?) throws(Problem) -> Double? {
    switch value {
    case nil, .null: return nil
    case .number(let seconds) where seconds > 0 && seconds <= longestLimit_s: return seconds
    default:
      throw Problem(
        kind: .badRequest, detail: "limit_s is not a number of seconds above 0 and at most 86400",
        hint: "a day is the most; renew it if need be")
    }
  }

  /// C0, C1 and what breaks lines elsewhere (U+2028, U+2029).
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}

/// Any JSON, for bodies in which every field has to be looked at.
enum JSONValue: Decodable, Equatable {
  case null
  case flag(Bool)
  case number(Double)
  case string(String)
  case list([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let flag = try? container.decode(Bool.self) {
      self = .flag(flag)
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let list = try? container.decode([JSONValue].self) {
      self = .list(list)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }
}
