internal import AdminAPI
internal import HTTPTypes

/// What goes back: status, fields and body.
struct Answer: Sendable {
  var status: HTTPResponse.Status
  var fields: HTTPFields
  var body: [UInt8]

  init(_ status: HTTPResponse.Status, _ mediaType: String, _ body: [UInt8]) {
    self.status = status
    self.body = body
    fields = [
      .contentType: mediaType, .contentLength: "\(body.count)", .cacheControl: "no-store",
      .xContentTypeOptions: "nosniff",
    ]
  }

  init(_ status: HTTPResponse.Status = .ok, json value: some Encodable) throws {
    self.init(status, "application/json", try JSON.encode(value))
  }

  /// - Parameter allow: Of a 405, what is possible instead.
  init(_ problem: Problem, allow: [HTTPRequest.Method] = [.get, .head]) {
    let body = (try? JSON.encode(problem)) ?? Array(#"{"title":"The sidecar failed to answer"}"#.utf8)
    self.init(HTTPResponse.Status(code: problem.status), Problem.mediaType, body)
    switch problem.status {
    case 401: fields[.wwwAuthenticate] = #"Bearer realm="stormfuse""#
    case 405: fields[.allow] = allow.map(\.rawValue).joined(separator: ", ")
    case 412: fields[.eTag] = problem.revision.map(Self.entityTag)
    case 415: fields[.accept] = CommandBody.mediaType
    case 503: fields[.retryAfter] = "\(Self.retryAfter_s)"
    default: break
    }
  }

  static func entityTag(_ revision: UInt64) -> String { "\"\(revision)\"" }

  /// The engine's queue of commands is worked off within a turn of its loop.
  private static let retryAfter_s = 1
}
