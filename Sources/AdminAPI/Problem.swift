/// An error as RFC 9457 writes it (`application/problem+json`), with what to do as `hint`.
package struct Problem: Error, Codable, Equatable, Sendable, CustomStringConvertible {
  /// A URI that names the kind of problem: `tag:stormfuse,2026:not-found`, ….
  package var type: String
  package var title: String
  package var status: Int
  package var detail: String
  /// The path that was asked for.
  package var instance: String?
  package var hint: String?
  /// Keys like the one asked for, nearest first.
  package var nearest: [String]?
  /// Paths of everything that the reference may mean.
  package var candidates: [String]?
  /// The breaker's revision now, where another one was expected.
  package var revision: UInt64?
  /// What was done although it is a problem (507: in force, but not on disk).
  package var in_force: CommandAnswer?

  package static let mediaType = "application/problem+json"

  package init(
    kind: Kind, detail: String, instance: String? = nil, hint: String? = nil, nearest: [String]? = nil,
    candidates: [String]? = nil, revision: UInt64? = nil, in_force: CommandAnswer? = nil
  ) {
    self.type = Self.tag + kind.rawValue
    self.title = kind.title
    self.status = kind.status
    self.detail = detail
    self.instance = instance
    self.hint = hint
    self.nearest = nearest
    self.candidates = candidates
    self.revision = revision
    self.in_force = in_force
  }

  /// Nil for one of a later version.
  package var kind: Kind? { Kind(rawValue: String(type.dropFirst(Self.tag.count))) }
  private static let tag = "tag:stormfuse,2026:"

  package var description: String { [detail, hint].compactMap(\.self).joined(separator: "; ") }

  package enum Kind: String, Sendable, CaseIterable {
    case badRequest = "bad-request"
    case unauthorized
    case wrongHost = "wrong-host"
    case crossOrigin = "cross-origin"
    case readOnly = "read-only"
    case noSuchPath = "no-such-path"
    case noSuchBreaker = "no-such-breaker"
    case noSuchTarget = "no-such-target"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case ambiguous
    case lengthRequired = "length-required"
    case stale
    case tooLarge = "too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case failed
    case unavailable
    case notSaved = "not-saved"

    var status: Int {
      switch self {
      case .badRequest: 400
      case .unauthorized: 401
      case .wrongHost, .crossOrigin, .readOnly: 403
      case .noSuchPath, .noSuchBreaker, .noSuchTarget: 404
      case .methodNotAllowed: 405
      case .notAcceptable: 406
      case .ambiguous: 409
      case .lengthRequired: 411
      case .stale: 412
      case .tooLarge: 413
      case .unsupportedMediaType: 415
      case .failed: 500
      case .unavailable: 503
      case .notSaved: 507
      }
    }

    var title: String {
      switch self {
      case .badRequest: "Request not understood"
      case .unauthorized: "Token required"
      case .wrongHost: "Host not allowed"
      case .crossOrigin: "Not from another site"
      case .readOnly: "Changes are not permitted here"
      case .noSuchPath: "No such path"
      case .noSuchBreaker: "No such breaker"
      case .noSuchTarget: "No such target"
      case .methodNotAllowed: "Method not allowed"
      case .notAcceptable: "No such representation"
      case .ambiguous: "Several breakers have this key"
      case .lengthRequired: "Content-Length required"
      case .stale: "The breaker has moved on"
      case .tooLarge: "Body too large"
      case .unsupportedMediaType: "Only JSON is read"
      case .failed: "The sidecar failed to answer"
      case .unavailable: "No commands are taken now"
      case .notSaved: "In force, but not on disk"
      }
    }
  }
}
