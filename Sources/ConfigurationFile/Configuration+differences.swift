extension Configuration {
  /// Names of what differs from another configuration and is only read at the start: `state`, `admin`, `webhook`, `events`,
  /// `capture`. (`settings` has its own: `SettingsChange`.)
  package func startDifferences(from other: Configuration) -> [String] {
    let all: [(String, Bool)] = [
      ("state", state == other.state), ("admin", admin == other.admin), ("webhook", webhook == other.webhook),
      ("events", events == other.events), ("capture", capture == other.capture),
    ]
    return all.filter { !$0.1 }.map(\.0)
  }
}
