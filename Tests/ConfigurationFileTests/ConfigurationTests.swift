import AdminAPI
import Pipeline
import Testing

@testable import ConfigurationFile

@Suite struct ConfigurationTests {
  @Test func `one key is enough and everything else is the default`() throws {
    #expect(try Configuration.parse("mode: observe", file: "f") == Configuration())
  }

  @Test func `the documented example means what it says`() throws {
    let configuration = try Configuration.parse(
      """
      mode: observe            # or enforce
      window: 60s
      rules:
        dead-letter-storm: {error_rate: 0.05, retries: 3, consumption_delay: 60s, min_settlements: 20}
        dead-letter-flood: {dead_letter_rate: 0.2, min_settlements: 50, min_distinct: 10}
        slow-partition: {failures: 200, settle_latency: 2s, window: 5m}
        stalled: off           # on unless switched off
      groups:
        - match: "rabbitmq:*:orders*"
          mode: enforce
          action: pause
          owner: payments-oncall
          runbook: https://example.com/runbook
      """, file: "f")
    var expected = Configuration()
    expected.settings.rules.stalled.enabled = false
    var group = GroupSettings(match: "rabbitmq:*:orders*")
    group.mode = .enforce
    group.action = .pause
    group.owner = "payments-oncall"
    group.runbook = "https://example.com/runbook"
    expected.settings.groups = [group]
    #expect(configuration == expected)
  }

  @Test(arguments: [("5%", 0.05), ("5 %", 0.05), ("0.5%", 0.005), ("0%", 0), ("0.05", 0.05)] as [(String, Double)])
  func `a share may be written as a percentage`(text: String, share: Double) throws {
    let configuration = try Configuration.parse(
      "rules: {dead-letter-storm: {error_rate: \(text)}, min_coverage: 95%}", file: "f")
    #expect(configuration.settings.rules.deadLetterStorm.errorRate == share)
    #expect(configuration.settings.rules.minCoverage == 0.95)
  }

  @Test func `every key is read`() throws {
    let configuration = try Configuration.parse(Self.everything, file: "f")
    let settings = configuration.settings
    #expect(settings.mode == .enforce)
    #expect(settings.window_ns == .seconds(90))
    #expect(settings.cluster == "rabbit@one")
    #expect(settings.rules.deadLetterStorm.errorRate == 0.1)
    #expect(settings.rules.deadLetterStorm.retries == 2.5)
    #expect(settings.rules.deadLetterStorm.consumptionDelay_ns == .milliseconds(1500))
    #expect(settings.rules.deadLetterStorm.minSettlements == 5)
    #expect(settings.rules.deadLetterStorm.window_ns == .seconds(10))
    #expect(settings.rules.deadLetterFlood.deadLetterRate == 0.3)
    #expect(settings.rules.deadLetterFlood.minSettlements == 6)
    #expect(settings.rules.deadLetterFlood.minDistinct == 7)
    #expect(settings.rules.deadLetterFlood.window_ns == .seconds(11))
    #expect(settings.rules.slowPartition.failures == 8)
    #expect(settings.rules.slowPartition.settleLatency_ns == .milliseconds(300))
    #expect(settings.rules.slowPartition.minSettlements == 9)
    #expect(settings.rules.slowPartition.window_ns == .seconds(12))
    #expect(settings.rules.crashLoop.crashes == 5)
    #expect(settings.rules.crashLoop.within_ns == .seconds(420))
    #expect(settings.rules.crashLoop.acks == 12)
    #expect(settings.rules.stalled.minimum_ns == .seconds(13))
    #expect(settings.rules.stalled.gapFactor == 4)
    #expect(settings.rules.stalled.history_ns == .seconds(840))
    #expect(settings.rules.stalled.unknown_ns == .seconds(900))
    #expect(settings.rules.minCoverage == 0.9)
    #expect(settings.rules.evaluation_ns == .milliseconds(50))
    #expect(settings.breaker.openBase_ns == .milliseconds(200))
    #expect(settings.breaker.openMaximum_ns == .seconds(40))
    #expect(settings.breaker.openReset_ns == .seconds(300))
    #expect(settings.breaker.jitter == 0.2)
    #expect(settings.breaker.seed == 42)
    #expect(settings.breaker.probes == 3)
    #expect(settings.breaker.halfOpen_ns == .seconds(20))
    #expect(settings.breaker.maxEpisode_ns == .seconds(120))
    #expect(settings.breaker.tripOpen_ns == .seconds(90))
    #expect(settings.breaker.forcedOpen_ns == .seconds(240))
    #expect(settings.destinations.deadLetter == ["*.graveyard"])
    #expect(settings.destinations.retry == ["again-*"])
    #expect(settings.destinations.normal == ["ice.dlq"])
    #expect(!settings.destinations.conventional)
    #expect(
      settings.limits
        == {
          var l = LimitSettings(); l.groups = 1; l.messages = 16; l.connections = 2; l.inFlight = 17; return l
        }())
    #expect(settings.groups.map(\.match) == ["kafka:*", "rabbitmq:%2F:orders"])
    #expect(settings.groups[0].action == .throttle)
    #expect(settings.groups[0].rate_bytes_s == 2048 && settings.groups[0].standingRate_bytes_s == 1 << 20)
    #expect(settings.groups[0].sharedConnections == .hold && settings.holding.sharedConnections == .leave)
    #expect(settings.holding.limit_ns == .seconds(60) && configuration.state == "/var/lib/stormfuse")
    #expect(settings.groups[1].window_ns == .seconds(30))
    #expect(settings.groups[1].rules?.deadLetterStorm.retries == 9)
    #expect(settings.groups[1].rules?.deadLetterStorm.errorRate == 0.1)
    #expect(settings.groups[1].rules?.slowPartition.enabled == false)
    #expect(configuration.admin.listen == .tcp(host: "10.0.0.1", port: 8080))
    #expect(configuration.admin.tokenFile == "/run/stormfuse/key" && configuration.admin.hosts == ["fuse.example"])
    #expect(configuration.admin.metrics == .tcp(host: "0.0.0.0", port: 9464))
    #expect(configuration.webhook?.url == "https://user:secret@example.com:8443/hook?token=1")
    #expect(configuration.webhook?.timeout_ns == .seconds(3))
    #expect(configuration.webhook?.retries == 2)
    #expect(configuration.webhook?.retryFor_ns == .seconds(60))
    #expect(configuration.webhook?.headers == [.init(name: "Authorization", value: "Bearer x")])
    #expect(configuration.events == "/var/log/stormfuse/events.jsonl")
    #expect(configuration.capture.ring_bytes == 8 << 20)
  }

  @Test(arguments: ["mode: observe", ConfigurationTests.everything])
  func `what holds is shown as a configuration that reads back the same`(text: String) throws {
    var configuration = try Configuration.parse(text, file: "f")
    let shown = configuration.yaml
    let reread = try Configuration.parse(shown, file: "shown")
    #expect(reread.yaml == shown)
    configuration.webhook = nil
    var withoutWebhook = reread
    withoutWebhook.webhook = nil
    #expect(withoutWebhook == configuration)
  }

  @Test func `secrets are not shown`() throws {
    let shown = try Configuration.parse(Self.everything, file: "f").yaml
    #expect(!shown.contains("secret") && !shown.contains("token=1") && !shown.contains("Bearer"))
    #expect(shown.contains("https://example.com:8443/"))
  }

  @Test(arguments: [
    ("\"", "\"\\\"\""), ("a\\b", ""), ("line\nbreak", ""), ("tab\t", ""), ("\u{85}\u{1}", ""), ("{x: [1", ""),
    ("Grüße 🐇", ""),
  ])
  func `any owner's name is quoted so that it reads back`(owner: String, _: String) throws {
    var configuration = Configuration()
    var group = GroupSettings(match: "*")
    group.owner = owner
    configuration.settings.groups = [group]
    #expect(try Configuration.parse(configuration.yaml, file: "f") == configuration)
  }

  @Test func `JSON, which is YAML too, is read`() throws {
    let configuration = try Configuration.parse(#"{"mode": "enforce", "rules": {"stalled": false}}"#, file: "f")
    #expect(configuration.settings.mode == .enforce)
    #expect(!configuration.settings.rules.stalled.enabled)
    #expect(configuration.settings.rules.crashLoop.enabled)
    #expect(try !Configuration.parse("rules: {crash-loop: off}", file: "f").settings.rules.crashLoop.enabled)
  }

  static let everything = """
    mode: enforce
    window: 90s
    cluster: rabbit@one
    rules:
      dead-letter-storm: {error_rate: 0.1, retries: 2.5, consumption_delay: 1.5s, min_settlements: 5, window: 10s}
      dead-letter-flood: {dead_letter_rate: 0.3, min_settlements: 6, min_distinct: 7, window: 11s}
      slow-partition: {failures: 8, settle_latency: 300ms, min_settlements: 9, window: 12s}
      crash-loop: {crashes: 5, within: 7m, acks: 12}
      stalled: {minimum: 13s, gap_factor: 4, history: 14m, unknown: 15m}
      min_coverage: 0.9
      evaluation: 50ms
    breaker:
      open_base: 200ms
      open_maximum: 40s
      open_reset: 5m
      jitter: 0.2
      seed: 42
      probes: 3
      half_open: 20s
      max_episode: 2m
      trip_open: 90s
      forced_open: 4m
    dead_letter: ["*.graveyard"]
    retry: [again-*]
    normal:
      - ice.dlq
    conventional_names: off
    hold_limit: 60s
    shared_connections: leave
    shared_connections_age: 2m
    state: /var/lib/stormfuse
    limits: {groups: 1, messages: 16, connections: 2, in_flight: 17}
    groups:
      - match: kafka:*
        action: throttle
        rate: 2KiB
        standing_rate: 1MiB
        shared_connections: hold
      - match: rabbitmq:%2F:orders
        window: 30s
        rules:
          dead-letter-storm: {retries: 9}
          slow-partition: off
    admin:
      listen: "tcp:10.0.0.1:8080"
      token_file: /run/stormfuse/key
      hosts: [fuse.example]
      metrics: tcp:0.0.0.0:9464
    webhook:
      url: https://user:secret@example.com:8443/hook?token=1
      timeout: 3s
      retries: 2
      retry_for: 1m
      headers: {Authorization: Bearer x}
    events: /var/log/stormfuse/events.jsonl
    capture: {ring: 8MiB}
    """
}
