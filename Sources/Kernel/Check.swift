/// One line of `stormfuse doctor`: something that capture needs or profits from, as it stands on this machine for this
/// process.
package struct Check: Sendable, Equatable, Codable {
  package enum State: String, Sendable, Codable {
    case ok
    /// Works, with less than it could.
    case limited
    /// Nothing can be captured without it.
    case missing
  }

  package var name: String
  package var state: State
  /// What was found.
  package var finding: String
  /// What it costs that it is so; nil if nothing.
  package var cost: String?
  /// What to do about it; nil if nothing.
  package var remedy: String?

  package init(_ name: String, _ state: State, _ finding: String, cost: String? = nil, remedy: String? = nil) {
    self.name = name
    self.state = state
    self.finding = finding
    self.cost = cost
    self.remedy = remedy
  }
}
