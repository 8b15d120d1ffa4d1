/// How a held connection is kept from being given up by its consumer's own kernel.
package enum Keepalive: Equatable, Sendable {
  /// By probes without payload: nothing of the consumer's needs to pass.
  case nudge
  /// By a segment with payload now and then, which brings deliveries; why nothing better does.
  case trickle(why: String)

  package var name: String {
    switch self {
    case .nudge: "nudge"
    case .trickle: "trickle"
    }
  }

  package var why: String? {
    switch self {
    case .nudge: nil
    case .trickle(let why): why
    }
  }
}
