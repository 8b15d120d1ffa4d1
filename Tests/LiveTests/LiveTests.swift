import Testing

extension LiveSuite {
  /// Real clients, a real broker and the real kernel: `stormfuse run` beside each client of `scenario`, its report
  /// compared field by field with what the client itself counted. Of a consumer that fails everything fast
  /// (`pika-fails-fast`) it is when the breaker opens.
  ///
  /// Needs what `scripts/setup` installs and the two capabilities that capture needs. Where something is lacking every
  /// case is skipped by name, saying what; with `STORMFUSE_REQUIRE_LIVE=1` it fails instead.
  ///
  /// 4,000 messages a case here; `Tests/LiveTests/scenario run` has 10,000, `scripts/soak` 50,000.
  @Suite(.serialized, .enabled(if: LiveEnvironment.Driver.scenario.mayRun, LiveEnvironment.Driver.scenario.comment))
  struct LiveTests {
    @Test(.timeLimit(.minutes(5)), arguments: LiveEnvironment.Driver.scenario.cases())
    func `the report equals what the client did`(name: String) throws {
      let outcome = try LiveEnvironment.Driver.scenario.run(case: name)
      #expect(outcome.differences == [], "\(name)")
    }
  }
}
