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

  package static let mediaType = "application/problem+json"

  package init(
    kind: Kind, detail: String, instance: String? = nil, hint: String? = nil, nearest: [String]? = nil,
    candidates: [String]? = nil
  ) {
    self.type = "tag:stormfuse,2026:\(kind.rawValue)"
    self.title = kind.title
    self.status = kind.status
    self.detail = detail
    self.instance = instance
    self.hint = hint
    self.nearest = nearest
    self.candidates = candidates
  }

  package var description: String { [detail, hint].compactMap(\.self).joined(separator: "; ") }

  package enum Kind: String, Sendable, CaseIterable {
    case badRequest = "bad-request"
    case wrongHost = "wrong-host"
    case noSuchPath = "no-such-path"
    case noSuchBreaker = "no-such-breaker"
    case methodNotAllowed = "method-not-allowed"
    case notAcceptable = "not-acceptable"
    case ambiguous
    case failed

    var status: Int {
      switch self {
      case .badRequest: 400
      case .wrongHost: 403
      case .noSuchPath, .noSuchBreaker: 404
      case .methodNotAllowed: 405
      case .notAcceptable: 406
      case .ambiguous: 409
      case .failed: 500
      }
    }

    var title: String {
      switch self {
      case .badRequest: "Request not understood"
      case .wrongHost: "Host not allowed"
      case .noSuchPath: "No such path"
      case .noSuchBreaker: "No such breaker"
      case .methodNotAllowed: "Method not allowed"
      case .notAcceptable: "No such representation"
      case .ambiguous: "Several breakers have this key"
      case .failed: "The sidecar failed to answer"
      }
    }
  }
}
