import Testing

extension LiveSuite {
  /// What the person on call sees and does: trips, overrides, a failing group, a full disk, a backlog of bad messages, a
  /// restart. Each case of `on_call` compares the terminal's, fusectl's and the API's words with what they should be.
  @Suite(.serialized, .enabled(if: LiveEnvironment.Driver.onCall.mayRun, LiveEnvironment.Driver.onCall.comment))
  struct OnCallLiveTests {
    @Test(.timeLimit(.minutes(5)), arguments: LiveEnvironment.Driver.onCall.cases())
    func `the person on call is told what is so`(name: String) throws {
      let outcome = try LiveEnvironment.Driver.onCall.run(case: name)
      #expect(outcome.differences == [], "\(name)")
    }
  }
}
