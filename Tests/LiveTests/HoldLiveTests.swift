import Testing

extension LiveSuite {
  /// Real clients that are really held: the quick cases of `hold`, which says what differs from what should be. Each
  /// client writes down what it was given and when; nothing may be lost, delivered twice or disconnected, and traffic
  /// flows within three seconds of whatever ends a hold.
  ///
  /// `Tests/LiveTests/hold run` has the whole matrix, and prints its figures; `scripts/soak` runs it.
  @Suite(.serialized, .enabled(if: LiveEnvironment.Driver.hold.mayRun, LiveEnvironment.Driver.hold.comment))
  struct HoldLiveTests {
    @Test(.timeLimit(.minutes(5)), arguments: LiveEnvironment.Driver.hold.cases("--quick"))
    func `held traffic comes back whole`(name: String) throws {
      let outcome = try LiveEnvironment.Driver.hold.run(case: name)
      #expect(outcome.differences == [], "\(name)")
    }
  }
}
