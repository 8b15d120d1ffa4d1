/// What became of the messages that came through since an episode's first half-open: why the breaker can't close.
///
/// In: half-opens, and outcomes of the group's deliveries. Out: how the latest of them ended, which messages failed, and the
/// episode's sums. A delivery counts if it was received after that half-open began, also one that came while the breaker was
/// open again: what a hold lets through tells the same as a probe.
///
/// Memory: the latest 16 outcomes. Cost: nothing while the breaker is closed, else a few comparisons per outcome.
package struct Probes: Equatable, Sendable {
  /// Acked and failed in this episode.
  package private(set) var settled: UInt64 = 0
  package private(set) var failed: UInt64 = 0
  /// Oldest first.
  private var latest: [Latest] = []
  /// When the episode's first half-open began.
  private var since: Timestamp?

  private struct Latest: Equatable {
    var message: UInt64
    var isFailure: Bool
  }

  /// Half-open begins.
  mutating func begin(at now: Timestamp) { if since == nil { since = now } }

  /// Whether the outcome of a delivery that was received then counts.
  func counts(deliveredAt at: Timestamp) -> Bool { since.map { at > $0 } ?? false }

  /// Takes an outcome. `most`: of how many the latest are told, as many as close the breaker.
  mutating func count(_ outcome: Outcome, most: Int) {
    let isFailure = outcome.settlement.isFailure
    guard counts(deliveredAt: outcome.deliveredAt), isFailure || outcome.settlement == .acked && !outcome.paired else {
      return
    }
    settled += 1
    if isFailure { failed += 1 }
    latest.append(Latest(message: outcome.message, isFailure: isFailure))
    let bound = max(1, min(most, Self.most))
    if latest.count > bound { latest.removeFirst(latest.count - bound) }
  }

  package var latestSettled: Int { latest.count }
  package var latestFailed: Int { latest.count(where: \.isFailure) }
  /// The messages of the latest that failed, each once, oldest first.
  package var latestFailedMessages: [UInt64] {
    latest.reduce(into: []) { if $1.isFailure, !$0.contains($1.message) { $0.append($1.message) } }
  }

  private static let most = 16
}
