// Settings that are replaced while the books are kept.

extension Ledger {
  /// See `Engine.replace(settings:)`. Answers how many groups have other settings now, and of how many a window began
  /// anew.
  func replace(settings new: Settings) -> (groups: Int, restarted: Int) {
    let meansOthers = isAnyKindOther(new.destinations)
    settings = new
    producers.replace(settings: new.destinations)
    isPlanDue = true
    var (changed, restarted) = (0, 0)
    for group in groups {
      let resolved = new.resolved(for: group.key)
      let isChanged = resolved != group.monitor.settings
      if isChanged { changed += 1 }
      guard isChanged || meansOthers else { continue }
      var isRestarted = group.monitor.replace(settings: resolved, at: now)
      if meansOthers {
        group.monitor.restartWindows(at: now)
        isRestarted = true
      }
      group.addMissingWindows(at: now)
      group.quietUntil = .zero
      if isRestarted { restarted += 1 }
    }
    return (changed, restarted)
  }

  /// Whether some destination that is known means another thing than before.
  private func isAnyKindOther(_ destinations: DestinationSettings) -> Bool {
    guard destinations != settings.destinations else { return false }
    func isOther(_ name: String) -> Bool { destinations.kind(of: name) != settings.destinations.kind(of: name) }
    return producers.entries.contains { isOther($0.name) || isOther($0.destination) }
      || groups.contains { $0.destinations.contains(where: isOther) || $0.deadLetterTarget.map(isOther) == true }
  }
}
