import Testing

extension LiveSuite {
  /// Real Kafka clients, librdkafka's brokers in two versions and the real kernel: the quick cases of `kafka_scenario`,
  /// which compares the report of `stormfuse run` field by field with what each client counted.
  ///
  /// `Tests/LiveTests/kafka_scenario run` has the whole matrix; `scripts/soak` runs it.
  @Suite(
    .serialized, .enabled(if: LiveEnvironment.Driver.kafkaScenario.mayRun, LiveEnvironment.Driver.kafkaScenario.comment)
  )
  struct KafkaLiveTests {
    @Test(.timeLimit(.minutes(5)), arguments: LiveEnvironment.Driver.kafkaScenario.cases("--quick"))
    func `the report equals what the Kafka clients did`(name: String) throws {
      let outcome = try LiveEnvironment.Driver.kafkaScenario.run(case: name)
      #expect(outcome.differences == [], "\(name)")
    }
  }
}
