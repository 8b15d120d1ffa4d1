import Pipeline
import Testing

@testable import ConfigurationFile

/// What can be read, but can't be meant: each value is possible and the whole does nothing, or the opposite.
@Suite struct NonsenseTests {
  @Test(arguments: [
    // Spans that end before anything can happen in them, or never.
    ("breaker: {max_episode: 10ms}", "f:1:24: breaker.max_episode must be between 1s and 7d, not 10ms"),
    (
      "breaker: {max_episode: 20s}",
      "f:1:24: breaker.open_maximum (30s) is longer than breaker.max_episode (20s): an episode would be over before one opening is; make max_episode several times open_maximum"
    ),
    (
      "breaker: {open_base: 1m, open_maximum: 30s}",
      "f:1:22: breaker.open_base (1m) is longer than breaker.open_maximum (30s): make it at most that"
    ),
    ("breaker: {open_base: 0s}", "f:1:22: breaker.open_base must be between 10ms and 1h, not 0s"),
    ("breaker: {open_base: -1s}", "f:1:22: breaker.open_base: \"-1s\" is negative: a duration is not"),
    ("breaker: {open_reset: 10ms}", "f:1:23: breaker.open_reset must be between 1s and 7d, not 10ms"),
    ("breaker: {half_open: 0s}", "f:1:22: breaker.half_open must be between 1s and 7d, not 0s"),
    ("breaker: {trip_open: 0s}", "f:1:22: breaker.trip_open must be between 1s and 1d, not 0s"),
    ("breaker: {forced_open: 2d}", "f:1:24: breaker.forced_open must be between 1s and 1d, not 2d"),
    ("breaker: {probes: 0}", "f:1:19: breaker.probes must be between 1 and 10000, not 0"),
    ("breaker: {jitter: 1}", "f:1:19: breaker.jitter must be between 0 and 0.9, not 1"),
    ("hold_limit: 0s", "f:1:13: hold_limit must be between 1s and 10m, not 0s"),
    ("hold_limit: 601s", "f:1:13: hold_limit must be between 1s and 10m, not 601s"),
    ("shared_connections_age: 0s", "f:1:25: shared_connections_age must be between 1s and 7d, not 0s"),
    ("rules: {stalled: {minimum: 0s}}", "f:1:28: rules.stalled.minimum must be between 1s and 7d, not 0s"),
    (
      "rules: {stalled: {minimum: 20m}}",
      "f:1:28: rules.stalled.minimum (20m) is longer than rules.stalled.history (15m): make history several times minimum"
    ),
    ("rules: {stalled: {gap_factor: 0}}", "f:1:31: rules.stalled.gap_factor must be between 1 and 1000, not 0"),
    (
      "window: 5s\nrules: {evaluation: 10s}",
      "f:2:8: rules.evaluation (10s) is longer than window (5s): storms would come and go unseen; make it at most a tenth of that"
    ),
    (
      "groups: [{match: \"*\", rules: {evaluation: 1s}}]",
      "f:1:43: groups[0].rules.evaluation: all groups are judged at once: write it in the file's own rules"
    ),
    // Thresholds that nothing crosses, or everything.
    (
      "rules: {dead-letter-storm: {error_rate: 1}}",
      "f:1:41: rules.dead-letter-storm.error_rate is 1, which no share is above: the rule would never trip; to switch it off, write dead-letter-storm: off"
    ),
    (
      "groups: [{match: \"*\", rules: {dead-letter-flood: {dead_letter_rate: 1}}}]",
      "f:1:69: groups[0].rules.dead-letter-flood.dead_letter_rate is 1, which no share is above: the rule would never trip; to switch it off, write dead-letter-flood: off"
    ),
    ("rules: {min_coverage: 0}", "f:1:23: rules.min_coverage must be between 0.5 and 1, not 0"),
    (
      "rules: {dead-letter-storm: {retries: -1}}",
      "f:1:38: rules.dead-letter-storm.retries must be between 0 and 1000000, not -1"
    ),
    // Actions without a rate, rates without an action.
    (
      "groups: [{match: \"*\", rate: 2KiB}]",
      "f:1:29: groups[0].rate: nothing here throttles, so it would have no effect: add action: throttle, or leave rate out"
    ),
    (
      "groups: [{match: \"*\", action: pause, rate: 2KiB}]",
      "f:1:44: groups[0].rate has no effect with action: pause: write action: throttle, or leave rate out"
    ),
    (
      "groups: [{match: \"*\", action: throttle}]",
      "f:1:31: groups[0] throttles, but says not to what: add rate, in payload bytes a second (an acknowledgement takes 21: rate: 2KiB lets about 100 a second pass)"
    ),
    (
      "groups: [{match: \"*\", action: throttle, rate: 2}]",
      "f:1:47: groups[0].rate: \"2\" has no unit: did you mean 2B/s?"
    ),
    (
      "groups: [{match: \"*\", action: throttle, rate: 20B}]",
      "f:1:47: groups[0].rate must be between 21B and 64GiB, not 20B"
    ),
    (
      "groups: [{match: \"*\", action: throttle, rate: 2KiB, standing_rate: 1KiB}]",
      "f:1:68: groups[0].standing_rate, which holds while the breaker is closed, is less than rate: opening would let more pass; make it at least rate"
    ),
    (
      "groups: [{match: \"*\", mode: observe, standing_rate: 1KiB}]",
      "f:1:53: groups[0].standing_rate has no effect in mode: observe, in which nothing is held: write mode: enforce, or leave it out"
    ),
    // Patterns that match nothing, or everything.
    (
      "groups: [{match: orders, owner: me}]",
      "f:1:18: groups[0].match: no key begins so, for keys are SYSTEM:…, as in rabbitmq:VHOST:QUEUE: did you mean \"rabbitmq:*:orders\"?"
    ),
    (
      "groups: [{match: \"rabbitmq:/:orders*\", owner: me}]",
      "f:1:18: groups[0].match: no key contains \"/\", for the parts of keys are percent-encoded: did you mean \"rabbitmq:%2F:orders*\"?"
    ),
    (
      "groups: [{match: \"kafka:a*\", owner: me}, {match: \"kafka:a*\", owner: you}]",
      "f:1:42: groups[1] has the same match as groups[0] (line 1): write both as one entry"
    ),
    (
      "groups:\n- {match: \"kafka:*\", mode: enforce}\n- {match: \"*\", mode: observe}",
      "f:3:3: groups[1] matches every key and later entries win, so groups[0].mode would never hold: put groups[1] before it"
    ),
    ("dead_letter: [\"*\"]", "f:1:14: dead_letter: \"*\" would make every destination such a one: name them"),
    (
      "normal: [\"*\"]",
      "f:1:9: normal: \"*\" would make every destination a normal one: to go without the usual names, write conventional_names: off"
    ),
    (
      "dead_letter: [x.dlq]\nnormal: [X.DLQ]",
      "f:2:9: normal: \"X.DLQ\" stands in dead_letter, too: keep one of them"
    ),
    // Addresses and requests.
    (
      "admin: {listen: \"tcp:127.0.0.1:9464\", metrics: \"tcp:127.0.0.1:9464\"}",
      "f:1:48: admin.metrics is admin.listen's address: give it another port, or leave it out (/metrics is there too)"
    ),
    (
      "webhook: {url: http://x, timeout: 5m, retry_for: 1m}",
      "f:1:35: webhook.timeout (5m) is longer than webhook.retry_for (1m): after one try that times out there would be no other; make retry_for longer, or retries 0"
    ),
    ("webhook: {url: http://x, timeout: 0s}", "f:1:35: webhook.timeout must be between 100ms and 5m, not 0s"),
    (
      "webhook: {url: http://x, headers: {Content-Length: 5}}",
      "f:1:36: webhook.headers: Content-Length is stormfuse's own to set: leave it out"
    ),
    ("limits: {groups: 0}", "f:1:18: limits.groups must be between 1 and 1000000, not 0"),
    ("capture: {ring: 0B}", "f:1:17: capture.ring must be between 64KiB and 1GiB, not 0B"),
  ])
  func `is refused with its place and what was meant`(text: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) { try Configuration.parse(text, file: "f") }
    #expect(error?.description == message)
  }

  @Test(arguments: [
    // The rate in one entry, the action in another.
    """
    groups:
      - {match: "*", action: throttle, rate: 2KiB}
      - {match: "rabbitmq:*:orders", rate: 4KiB}
    """,
    // What every group has first, exceptions after; or a pattern for all that sets something else.
    """
    groups:
      - {match: "*", mode: enforce}
      - {match: "rabbitmq:%2F:orders?", mode: observe}
      - {match: "**", owner: everybody}
    """,
    // Closed looser than open.
    "groups: [{match: \"*:dlq\", mode: enforce, action: throttle, rate: 1KiB, standing_rate: 1KiB}]",
    "groups: [{match: \"?afka:*\", owner: a}, {match: \"redis:0:s:g\", owner: b}]",
    // As quick as a benchmark wants it.
    """
    window: 1s
    rules: {dead-letter-flood: {dead_letter_rate: 0, min_settlements: 1, min_distinct: 1}, stalled: off}
    breaker: {open_base: 10ms, open_maximum: 10ms, jitter: 0, probes: 1}
    """,
    "rules: {stalled: {minimum: 10m}}", "webhook: {url: http://x, timeout: 5m, retry_for: 1m, retries: 0}",
    "admin: {listen: \"tcp:127.0.0.1:0\", metrics: \"tcp:127.0.0.1:0\"}",
  ])
  func `what looks like it and is sensible is taken`(text: String) throws {
    let configuration = try Configuration.parse(text, file: "f")
    #expect(try Configuration.parse(configuration.yaml, file: "shown").yaml == configuration.yaml)
  }
}
