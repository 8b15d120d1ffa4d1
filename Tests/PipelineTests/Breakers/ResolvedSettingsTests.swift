import Testing

@testable import Pipeline

@Suite struct ResolvedSettingsTests {
  @Test func `without groups the general settings hold`() {
    var settings = Settings()
    settings.mode = .enforce
    settings.window_ns = 7
    settings.breaker.probes = 9
    let resolved = settings.resolved(for: "rabbitmq:%2F:orders")
    #expect(resolved.mode == .enforce)
    #expect(resolved.action == .pause)
    #expect(resolved.window_ns == 7)
    #expect(resolved.breaker.probes == 9)
    #expect(resolved.rules == RuleSettings())
    #expect(resolved.owner == nil)
  }

  @Test func `later entries win, setting by setting`() {
    var settings = Settings()
    settings.rules.deadLetterStorm.errorRate = 0.2
    var all = GroupSettings(match: "rabbitmq:*")
    all.mode = .enforce
    all.owner = "platform"
    all.rules = settings.rules
    all.rules?.deadLetterStorm.errorRate = 0.5
    all.rules?.stalled.enabled = false
    var orders = GroupSettings(match: "*:orders")
    orders.owner = "payments-oncall"
    orders.action = .block
    orders.window_ns = 5
    orders.rules = settings.rules
    orders.rules?.deadLetterStorm.retries = 1
    settings.groups = [all, orders, GroupSettings(match: "kafka:*")]

    let resolved = settings.resolved(for: "rabbitmq:%2F:orders")
    #expect(resolved.mode == .enforce)
    #expect(resolved.owner == "payments-oncall")
    #expect(resolved.action == .block)
    #expect(resolved.window_ns == 5)
    #expect(resolved.rules.deadLetterStorm.errorRate == 0.5)
    #expect(resolved.rules.deadLetterStorm.retries == 1)
    #expect(!resolved.rules.stalled.enabled)

    let other = settings.resolved(for: "rabbitmq:%2F:payments")
    #expect(other.owner == "platform")
    #expect(other.rules.deadLetterStorm.retries == 3)
    #expect(settings.resolved(for: "kafka:orders2").mode == .observe)
  }
}
