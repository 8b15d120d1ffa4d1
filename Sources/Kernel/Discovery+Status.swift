extension Discovery {
  /// How things stand.
  package struct Status: Sendable {
    /// Live processes of the target; 0 is its end.
    package var processes: Int
    /// Cgroups with programs attached, as paths.
    package var attached: [String]
    /// Whether some of them are shared with others, so that connections are let through one by one.
    package var isShared: Bool
    package var unreached: [Unreached]
  }

  /// Sockets that the target has or may have and that cannot be followed.
  package struct Unreached: Sendable, Equatable, Hashable, CustomStringConvertible {
    package var process: Int32
    /// Says what is not seen, why, and what to do.
    package var description: String
  }
}
