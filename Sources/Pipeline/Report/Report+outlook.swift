extension Report {
  /// What becomes of a breaker that is not closed by itself.
  package struct Outlook: Codable, Equatable, Sendable {
    /// The state that follows at the breaker's `until`; null if only what happens ends the state.
    @NullEncoded package var next: BreakerState?
    /// When the episode ends at the latest (`breaker.max_episode`): traffic then passes, with an alarm. Null under an
    /// override, which is part of no episode.
    @NullEncoded package var episode_until: RFC3339?
    /// Acks in a row, of deliveries received after half-open began, that close it (`breaker.probes`).
    package var acks_to_close: Int
  }

  /// What became of the messages that came through while a breaker was not closed.
  package struct Probes: Codable, Equatable, Sendable {
    /// Of the latest outcomes, at most as many as close the breaker: acked and failed ones, and the failed ones.
    package var latest_settled: Int
    package var latest_failed: Int
    /// The messages among the latest that failed, oldest first, as `PoisonMessage` names them.
    package var failed_messages: [String]
    /// Of the whole episode.
    package var settled: UInt64
    package var failed: UInt64
  }
}

extension Report.Outlook {
  /// - Parameter wall: A moment of the engine's as the wall clock has it.
  init(_ breaker: Breaker, wall: (Timestamp) -> RFC3339) {
    self.init(
      next: breaker.next, episode_until: breaker.episodeEndsAt.map(wall), acks_to_close: breaker.settings.probes)
  }
}
