import Pipeline
import Testing

@testable import ConfigurationFile

/// What is refused, where it is and what is proposed instead.
@Suite struct RefusalTests {
  @Test(arguments: [
    ("windw: 60s", "f:1:1: unknown key \"windw\": did you mean \"window\"?"),
    (
      "mode: observe\nrules:\n  dead-letter-strom: off",
      "f:3:3: unknown key \"dead-letter-strom\" in rules: did you mean \"dead-letter-storm\"?"
    ),
    (
      "rules: {dead-letter-storm: {error_rte: 1}}",
      "f:1:29: unknown key \"error_rte\" in rules.dead-letter-storm: did you mean \"error_rate\"?"
    ),
    ("admin: {zzz: 1}", "f:1:9: unknown key \"zzz\" in admin: known are hosts, listen, metrics, token_file"),
    ("window: 60", "f:1:9: window: \"60\" has no unit: did you mean 60s? (units are ms, s, m, h, d)"),
    ("window: 60 sec", "f:1:9: window: \"60 sec\" has an unknown unit \"sec\": did you mean 60s?"),
    ("window: 5parsecs", "f:1:9: window: \"5parsecs\" has an unknown unit \"parsecs\": units are ms, s, m, h, d"),
    (
      "window: soon",
      "f:1:9: window: \"soon\" is not a duration: write a number and a unit, as in 100ms, 60s, 5m, 1h, 2d"
    ),
    ("window: -5s", "f:1:9: window: \"-5s\" is negative: a duration is not"),
    ("window: 0s", "f:1:9: window must be between 1s and 1d, not 0s"),
    ("window: 1e300d", "f:1:9: window: \"1e300d\" is too long"),
    ("window:", "f:1:8: window has no value: write one, or leave the key out"),
    ("window: [1s]", "f:1:9: window must be one value, not a list"),
    (
      "rules: {dead-letter-storm: {error_rate: 5}}",
      "f:1:41: rules.dead-letter-storm.error_rate: 5 is not a share between 0 and 1: did you mean 0.05?"
    ),
    (
      "rules: {dead-letter-storm: {error_rate: 101%}}",
      "f:1:41: rules.dead-letter-storm.error_rate: 101% is not a share between 0% and 100%"
    ),
    (
      "rules: {dead-letter-storm: {error_rate: -0.1}}",
      "f:1:41: rules.dead-letter-storm.error_rate: -0.1 is not a share between 0 and 1"
    ),
    (
      "rules: {dead-letter-storm: {error_rate: .nan}}",
      "f:1:41: rules.dead-letter-storm.error_rate: \".nan\" is not a number: write a share between 0 and 1, as in 0.05 or "
        + "5%"
    ),
    (
      "rules: {dead-letter-storm: {min_settlements: 2.5}}",
      "f:1:46: rules.dead-letter-storm.min_settlements: \"2.5\" must be a whole number"
    ),
    (
      "rules: {dead-letter-storm: {min_settlements: 0}}",
      "f:1:46: rules.dead-letter-storm.min_settlements must be between 1 and 1000000, not 0"
    ),
    (
      "rules: {dead-letter-storm: {min_settlements: 99999999999999999999}}",
      "f:1:46: rules.dead-letter-storm.min_settlements: \"99999999999999999999\" is too large"
    ),
    ("rules: {stalled: maybe}", "f:1:18: rules.stalled must be on, off or a mapping of its thresholds, not \"maybe\""),
    ("rules: []", "f:1:8: rules must be a mapping (key: value), not a list"),
    ("mode: enforced", "f:1:7: mode must be observe or enforce, not \"enforced\": did you mean enforce?"),
    (
      "breaker: {open_base: 1m, open_maximum: 30s}",
      "f:1:22: breaker.open_base (1m) is longer than breaker.open_maximum (30s): make it at most that"
    ),
    ("dead_letter: orders.dlq", "f:1:14: dead_letter must be a list (- item, or [a, b]), not \"orders.dlq\""),
    ("dead_letter: [{a: b}]", "f:1:15: dead_letter[0] must be text, not a mapping"),
    (
      "groups: [{mode: enforce}]",
      "f:1:10: groups[0] has no match: name the groups it is for, as in match: \"rabbitmq:*:orders*\""
    ),
    (
      "groups: [{match: \"*\", rules: {stalled: {minimum: 1}}}]",
      "f:1:50: groups[0].rules.stalled.minimum: \"1\" has no unit: did you mean 1s? (units are ms, s, m, h, d)"
    ),
    (
      "admin: {listen: tcp:0.0.0.0:80}",
      "f:1:17: admin.listen: \"0.0.0.0\" is not loopback, and without a token reach is the admin API's protection: use tcp:127.0.0.1:80 or a Unix socket and forward the port if you need it from elsewhere, or give a token file"
    ),
    (
      "admin: {listen: \"tcp:example.com:80\", token_file: /t}",
      "f:1:17: admin.listen: \"example.com\" in \"tcp:example.com:80\" is not an IP address: write one of this machine's, or 0.0.0.0 for all"
    ),
    (
      "admin: {hosts: [\"http://a\"]}",
      "f:1:16: admin.hosts: \"http://a\" is not a host's name: write it without scheme and port"
    ),
    (
      "admin: {metrics: /run/m.sock}",
      "f:1:18: admin.metrics: \"/run/m.sock\" is no address for metrics: write tcp:ADDRESS:PORT, as in tcp:0.0.0.0:9464"
    ),
    ("webhook: {timeout: 1s}", "f:1:10: webhook has no url: name the address to post to, or leave webhook out"),
    ("webhook: {url: example.com}", "f:1:16: webhook.url must be http://HOST… or https://HOST…"),
    ("webhook: {url: \"http:///x\"}", "f:1:16: webhook.url must be http://HOST… or https://HOST…"),
    ("webhook: {url: http://x, headers: {\"a b\": c}}", "f:1:36: webhook.headers: \"a b\" is not a header's name"),
    (
      "webhook: {url: http://x, headers: {a: \"b\\r\\nc\"}}",
      "f:1:39: webhook.headers.a contains a line break or control character"
    ),
    ("capture: {ring: 10MiB}", "f:1:17: capture.ring must be a power of two, which 10MiB is not: did you mean 8MiB?"),
    ("capture: {ring: 16MB}", "f:1:17: capture.ring: \"16MB\" has an unknown unit \"MB\": did you mean 16MiB?"),
    ("events: \"\"", "f:1:9: events is empty: write a value, or leave the key out"),
    ("conventional_names: 1", "f:1:21: conventional_names must be on or off, not \"1\""),
    ("", "f: empty: write what differs from the defaults, or just \"mode: observe\", the default mode"),
    (
      "# only a remark\n", "f: empty: write what differs from the defaults, or just \"mode: observe\", the default mode"
    ),
    ("---\n", "f: empty: write what differs from the defaults, or just \"mode: observe\", the default mode"),
    ("observe", "f:1:1: the file must be a mapping (key: value), not \"observe\""),
    ("- mode: observe", "f:1:1: the file must be a mapping (key: value), not a list"),
    ("? [a]\n: b", "f:1:3: a key must be text, not a list"),
    (
      "a: 1\n---\nb: 2",
      "f:2:1: not YAML: expected a single document in the stream (line 1): but found another document: one file holds one configuration; remove the ---"
    ),
    ("mode: *x", "f:1:7: not YAML: found undefined alias: a value that begins with * needs quotes"),
  ])
  func `says what is wrong, where, and what was meant`(text: String, message: String) {
    #expect(refusal(text) == message)
  }

  @Test(arguments: [
    ("mode: observe\n\twindow: 60s", 2), ("mode: [observe", 1), ("mode: \"observe", 1), ("mode: observe: enforce", 1),
    ("a\u{0}b", 1), ("mode: observe\nwindow: \u{1}", 2), ("{{{{", 1), ("mode: @x", 1), ("%YAML 9", 1),
  ])
  func `text that is not YAML is refused with its place`(text: String, line: Int) throws {
    let error = try #require(throws: ConfigurationError.self) { try Configuration.parse(text, file: "f") }
    let problem = try #require(error.problems.first)
    #expect(problem.message.hasPrefix("not YAML: "))
    #expect(problem.line >= line && problem.line <= line + 1, "\(problem)")
  }

  @Test func `everything that is wrong is said at once, in the order of the file`() throws {
    let error = try #require(throws: ConfigurationError.self) {
      try Configuration.parse(
        """
        mode: enforse
        window: 60
        window: 61s
        rules:
          dead-letter-storm:
            error_rate: 5
            error_rate: 6
            bogus: 1
          stalled: off
        groups:
          - match: "*"
            mode: x
          - owner: me
        surprise: {}
        """, file: "c.yaml")
    }
    #expect(
      error.problems.map { "\($0.line):\($0.column)" } == [
        "1:7", "2:9", "3:1", "6:17", "7:5", "8:5", "12:11", "13:5", "14:1",
      ])
    #expect(error.problems[2].message == "\"window\" occurs again; it is already in line 2: keep one of them")
    #expect(error.problems[4].message == "\"error_rate\" occurs again; it is already in line 6: keep one of them")
    #expect(error.description.split(separator: "\n").allSatisfy { $0.hasPrefix("c.yaml:") })
  }

  @Test func `a key repeated within braces is refused too`() {
    #expect(refusal("rules: {stalled: off, stalled: on}").hasPrefix("f:1:9: \"stalled\" occurs more than once"))
  }

  @Test(arguments: [100, 5_000, 200_000])
  func `nesting without end is refused, not followed`(depth: Int) {
    let text = "mode: " + String(repeating: "[", count: depth)
    #expect(throws: ConfigurationError.self) { try Configuration.parse(text, file: "f") }
    let mapping = String(repeating: "{a: ", count: depth) + String(repeating: "}", count: depth)
    #expect(throws: ConfigurationError.self) { try Configuration.parse(mapping, file: "f") }
  }

  @Test func `nesting by indentation is refused, not followed`() {
    let text = (0..<1000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
    #expect(throws: ConfigurationError.self) { try Configuration.parse(text, file: "f") }
  }

  @Test func `aliases that multiply are refused quickly`() {
    var text = "a0: &a0 [x, x]\n"
    for level in 1..<30 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    #expect(refusal(text).contains("unknown key"))
  }

  @Test func `files that can't be read are named with the reason`() throws {
    for (path, reason) in [
      ("/nonexistent/x.yaml", "no such file"), ("/", "is a directory"), ("/dev/zero", "larger than"),
    ] {
      let error = try #require(throws: ConfigurationError.self) { try Configuration.load(path: path) }
      #expect(error.description.hasPrefix("\(path): \(reason)"), "\(error)")
    }
  }

  @Test(arguments: 0..<200)
  func `damaged files are read or refused, never a crash`(seed: Int) {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    func random(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(bound))
    }
    var bytes = Array(ConfigurationTests.everything.utf8)
    for _ in 0..<(1 + random(6)) {
      switch random(3) {
      case 0: bytes[random(bytes.count)] = Array(":{}[]&*!|>'\"%@`,#-?\n\t 0".utf8)[random(23)]
      case 1: bytes.removeSubrange(random(bytes.count)...)
      default: bytes.insert(contentsOf: bytes[random(bytes.count)...].prefix(random(40)), at: random(bytes.count))
      }
      if bytes.isEmpty { bytes = [0x20] }
    }
    do {
      let configuration = try Configuration.parse(String(decoding: bytes, as: UTF8.self), file: "f")
      #expect(throws: Never.self) { try Configuration.parse(configuration.yaml, file: "f") }
    } catch {
      #expect(!error.problems.isEmpty)
    }
  }

  private func refusal(_ text: String) -> String {
    do {
      _ = try Configuration.parse(text, file: "f")
      return "accepted"
    } catch {
      return error.description
    }
  }
}
