import Pipeline
import Testing

@testable import AdminAPI

@Suite struct AdminAPITests {
  @Test(arguments: [
    ("", ""), ("abc-._~XYZ019", "abc-._~XYZ019"), ("/", "%2F"), ("rabbitmq:%2F:orders", "rabbitmq%3A%252F%3Aorders"),
    ("Grüße 🐇", "Gr%C3%BC%C3%9Fe%20%F0%9F%90%87"), ("a\u{0}\n", "a%00%0A"), ("100%", "100%25"),
  ])
  func `percent-encoding round-trips`(text: String, encoded: String) {
    #expect(PercentEncoding.encode(text) == encoded)
    #expect(PercentEncoding.decode(encoded) == text)
  }

  @Test(arguments: ["%", "%2", "%2G", "%G2", "a%", "%FF", "%C3", "% 2"])
  func `what is not percent-encoded UTF-8 is refused`(text: String) {
    #expect(PercentEncoding.decode(text) == nil)
  }

  @Test func `lower-case escapes decode as well`() {
    #expect(PercentEncoding.decode("%2f%c3%bc") == "/ü")
  }

  @Test(
    arguments: [
      ("rabbitmq:%2F:orders", "rabbitmq:%2F:orders", nil), ("k@c", "k", "c"), ("k@rabbit@host", "k", "rabbit@host"),
      ("k@", "k", ""),
    ] as [(String, String, String?)])
  func `a reference is a key and perhaps a cluster`(text: String, key: String, cluster: String?) {
    #expect(BreakerReference(text) == BreakerReference(key: key, cluster: cluster))
    #expect(BreakerReference(text).name == text)
  }

  @Test func `the shortest reference names cluster and target only where needed`() {
    let groups = [
      Sample.group("a"), Sample.group("b", cluster: "one"), Sample.group("b", cluster: "two"),
      Sample.group("c", cluster: "one", target: "x y"), Sample.group("c", cluster: "one", target: "z"),
    ]
    #expect(
      BreakerReference.shortest(for: groups).map(\.href) == [
        "/v1/breakers/a", "/v1/breakers/b%40one", "/v1/breakers/b%40two", "/v1/breakers/c%40one?target=x%20y",
        "/v1/breakers/c%40one?target=z",
      ])
    for (index, reference) in BreakerReference.shortest(for: groups).enumerated() {
      #expect(reference.resolve(in: groups) == .one(index))
      #expect(BreakerReference(href: reference.href) == reference)
    }
    #expect(BreakerReference("b").resolve(in: groups) == .several([1, 2]))
    #expect(BreakerReference("c@one").resolve(in: groups) == .several([3, 4]))
    #expect(BreakerReference("b@three").resolve(in: groups) == .none)
    #expect(
      BreakerReference.shortest(for: groups).map(\.words).suffix(2) == ["c@one --target 'x y'", "c@one --target z"])
    #expect(BreakerReference(key: "it's").words == #"'it'\''s'"#)
  }

  @Test(arguments: [
    ("rabbitmq:/:orders", ["rabbitmq:%2F:orders", "rabbitmq:%2F:order"]), ("orders", ["rabbitmq:%2F:orders"]),
    ("RABBITMQ:%2f:ORDERS", ["rabbitmq:%2F:orders", "rabbitmq:%2F:order"]), ("zzzzzzzz", []), ("", []),
  ])
  func `nearest names come first`(wanted: String, nearest: [String]) {
    let keys = ["rabbitmq:%2F:order", "rabbitmq:%2F:orders", "kafka:payments", "redis:0:s:g"]
    #expect(NearestNames.of(wanted, among: keys) == nearest)
  }

  @Test func `distance is the number of edits, up to a bound`() {
    let words = ["", "a", "ab", "ba", "abc", "kitten", "sitting", "saturday", "sunday", "aaaaaaaaaa", "bbbbbbbbbb"].map
    { Array($0.utf8) }
    for a in words {
      for b in words {
        let true_distance = Self.plainDistance(a[...], b[...])
        for bound in 0...11 {
          #expect(NearestNames.distance(a, b, atMost: bound) == (true_distance <= bound ? true_distance : nil))
        }
      }
    }
  }

  private static func plainDistance(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Int {
    var rows = [Array(0...b.count)]
    for (i, x) in a.enumerated() {
      var row = [i + 1]
      for (j, y) in b.enumerated() { row.append(x == y ? rows[i][j] : 1 + min(rows[i][j], rows[i][j + 1], row[j])) }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }

  @Test(.timeLimit(.minutes(1))) func `a hostile name among ten thousand is answered`() {
    let keys = (0..<10_000).map { "rabbitmq:%2F:" + String(repeating: "q", count: 200) + "\($0)" }
    _ = NearestNames.of(String(repeating: "q", count: 1_000_000), among: keys)
  }

  @Test(
    arguments: [
      ("unix:/run/x.sock", .unix(path: "/run/x.sock")), ("/run/x.sock", .unix(path: "/run/x.sock")),
      ("./x", .unix(path: "./x")), ("unix:x", .unix(path: "x")),
      ("tcp:127.0.0.1:80", .tcp(host: "127.0.0.1", port: 80)),
      ("tcp:localhost:0", .tcp(host: "localhost", port: 0)), ("tcp:[::1]:65535", .tcp(host: "::1", port: 65535)),
      ("tcp:127.255.3.4:1", .tcp(host: "127.255.3.4", port: 1)),
    ] as [(String, Listen)])
  func `an address is read and written back`(text: String, listen: Listen) throws {
    #expect(try Listen.parse(text) == listen)
    #expect(try Listen.parse(listen.description) == listen)
  }

  @Test(arguments: [
    ("", "is not an address"), ("http://x", "is not an address"), ("unix:", "names no socket"),
    ("unix:/run/", "names no socket"),
    ("unix:/" + String(repeating: "x", count: 200), "bytes long"), ("tcp:127.0.0.1", "names no port"),
    ("tcp:1", "names no port"),
    ("tcp:127.0.0.1:65536", "not a port"), ("tcp:127.0.0.1:", "not a port"), ("tcp:127.0.0.1:+1", "not a port"),
    ("tcp:::1:80", "needs brackets"), ("tcp:0.0.0.0:80", "is not loopback"), ("tcp:[::]:80", "is not loopback"),
    ("tcp::80", "is not loopback"), ("tcp:10.0.0.1:80", "is not loopback"),
    ("tcp:127.0.0.1.evil.com:80", "is not loopback"),
    ("tcp:127.1:80", "is not loopback"), ("tcp:127.0.0.999:80", "is not loopback"), ("unix:a\u{0}b", "NUL"),
  ])
  func `an address that is wrong or reaches too far is refused`(text: String, reason: String) {
    do {
      let listen = try Listen.parse(text)
      Issue.record("accepted as \(listen)")
    } catch {
      #expect(error.description.contains(reason), "\(error)")
    }
  }

  @Test(arguments: [
    ("tcp:0.0.0.0:80", true, true), ("tcp:10.0.0.1:80", true, true), ("tcp:[2001:db8::1]:80", true, true),
    ("tcp:[::]:80", true, true), ("tcp:example.com:80", false, true), ("tcp:stormfuse.prod.svc:80", false, true),
    ("tcp::80", false, false), ("tcp:a/b:80", false, false), ("tcp:a b:80", false, false),
    ("tcp:[example.com]:80", false, true), ("tcp:127.0.0.1:80", true, true),
  ])
  func `with a token an address may reach further, a name only to connect to`(text: String, bind: Bool, connect: Bool) {
    #expect(((try? Listen.parse(text, reach: .addresses)) != nil) == bind)
    #expect(((try? Listen.parse(text, reach: .names)) != nil) == connect)
    #expect((try? Listen.parse(text))?.isBeyondLoopback != true)
  }

  @Test func `metrics may be served anywhere, but on TCP`() throws {
    #expect(try Listen.parseMetrics("tcp:0.0.0.0:9464") == .tcp(host: "0.0.0.0", port: 9464))
    #expect(try Listen.parseMetrics("tcp:[::1]:9464") == .tcp(host: "::1", port: 9464))
    for text in ["/run/x", "unix:/run/x", "tcp:somewhere:1", "0.0.0.0:1"] {
      #expect(throws: Listen.ParseError.self) { try Listen.parseMetrics(text) }
    }
  }

  @Test func `an event carries names and numbers in a shape of its own`() throws {
    let group = Sample.group()
    let event = TransitionEvent(group: group, transition: group.breaker.transitions[0], owner: "oncall")
    let text = String(decoding: try JSON.encode(event), as: UTF8.self)
    #expect(
      text == """
        {"cluster":"rabbit@one","dead_letters":{"dead_lettered":0,"exhausted":0,"rejected":20},"evidence":[\
        {"condition":"error_rate","met":true,"rule":"dead-letter-storm",\
        "samples":312,"scope":"group","source":"settled_p95","threshold":0.05,\
        "unit":"ratio","value":0.412,"window_s":60},\
        {"condition":"retries","met":true,"rule":"dead-letter-storm",\
        "samples":312,"scope":"group","source":"settled_p95","threshold":3,"unit":"1",\
        "value":5,"window_s":60},\
        {"condition":"consumption_delay","met":true,"rule":"dead-letter-storm",\
        "samples":312,"scope":"group","source":"settled_p95","threshold":60,\
        "unit":"s","value":73,"window_s":60}],"exposure":4,"group":"orders","held":false,\
        "href":"/v1/breakers/rabbitmq%3A%252F%3Aorders","id":"\(event.id)","key":"rabbitmq:%2F:orders","mode":"observe",\
        "owner":"oncall","rule":"dead-letter-storm","runbook":null,"schema":"stormfuse.event/1","system":"rabbitmq",\
        "target":"pid:42","transition":{"at":"2026-11-20T23:59:59.123456789Z","author":null,"cause":"rule",\
        "from":"closed","reason":null,"revision":1,"to":"open"},"verdict":"storm","why":"mode is observe"}
        """)
    #expect(try JSON.decode(TransitionEvent.self, from: Array(text.utf8)) == event)
  }

  @Test func `an event's id is the same for the same transition only`() {
    let group = Sample.group()
    let step = group.breaker.transitions[0]
    var later = step
    later.revision = 2
    let ids = [
      TransitionEvent(group: group, transition: step).id, TransitionEvent(group: group, transition: later).id,
      TransitionEvent(group: Sample.group(cluster: "two"), transition: step).id,
      TransitionEvent(group: Sample.group(target: "x"), transition: step).id,
    ]
    #expect(Set(ids).count == 4)
    #expect(TransitionEvent(group: group, transition: step).id == ids[0])
    #expect(ids.allSatisfy { $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } })
  }

  @Test func `the detail is the group with schema and time beside its keys`() throws {
    let detail = BreakerDetail(Sample.group(), href: "/x", at: RFC3339(Timestamp(ns: 0)))
    let bytes = try JSON.encode(detail)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasPrefix(#"{"at":"1970-01-01T00:00:00.000000000Z","attempts":{"#))
    #expect(text.contains(#""schema":"stormfuse.breaker/1""#) && text.contains(#""lag":null"#))
    #expect(try JSON.decode(BreakerDetail.self, from: bytes) == detail)
  }

  @Test func `a number that is not finite costs no answer`() throws {
    var group = Sample.group()
    group.error_rate = .nan
    group.coverage = .infinity
    let text = String(decoding: try JSON.encode(Sample.report([group])), as: UTF8.self)
    #expect(text.contains(#""error_rate":"NaN""#) && text.contains(#""coverage":"Infinity""#))
  }

  @Test(arguments: [
    (Sample.evidence("error_rate", 0.412, 0.05, "ratio"), "error rate 41.2 % > 5 % of 312"),
    (Sample.evidence("retries", 5, 3, "1"), "retries p95 5 > 3"),
    (Sample.evidence("consumption_delay", 73, 60, "s"), "delay p95 73 s > 60 s"),
    (Sample.evidence("consumption_delay", 59.96, 60, "s", met: false), "delay p95 59.96 s ≤ 60 s"),
    (
      Sample.evidence("consumption_delay", 7200, 60, "s", source: "oldest_in_flight,lower_bound"),
      "oldest in flight at least 120 min > 60 s"
    ),
    (Sample.evidence("settlements", 20, 20, "1"), "settlements 20 ≥ 20"),
    (Sample.evidence("distinct_messages", 9, 10, "1", met: false), "distinct dead letters 9 < 10"),
    (Sample.evidence("ends", 49, 50, "1", met: false), "ends 49 < 50"),
    (Sample.evidence("retries", nil, 3, "1"), "retries p95 without samples"),
    (Sample.evidence("coverage", 0.5, 0.95, "ratio", met: false), "coverage 50 % < 95 %"),
    (Sample.evidence("settle_latency", 0.0205, 2, "s", met: false), "settle latency p95 20.5 ms ≤ 2 s"),
    // What is above its threshold by less than a tenth is shown above it.
    (
      Sample.evidence("dead_letter_rate", 252.0 / 1259, 0.2, "ratio", samples: 1259),
      "dead-letter rate 20.02 % > 20 % of 1259"
    ),
    (Sample.evidence("error_rate", 0.0502, 0.05, "ratio", samples: 498), "error rate 5.02 % > 5 % of 498"),
    (Sample.evidence("error_rate", 0.0527, 0.0525, "ratio", samples: 999), "error rate 5.27 % > 5.25 % of 999"),
    (Sample.evidence("coverage", 0.94999, 0.95, "ratio", met: false), "coverage 94.999 % < 95 %"),
    (Sample.evidence("consumption_delay", 60.0004, 60, "s"), "delay p95 60.0004 s > 60 s"),
    (Sample.evidence("error_rate", 0.05, 0.05, "ratio", samples: 20, met: false), "error rate 5 % ≤ 5 % of 20"),
    // An estimate is shown as one.
    (
      Sample.evidence("distinct_messages", 1475, 10, "1", source: "dead_lettered,estimated"),
      "distinct dead letters about 1475 ≥ 10"
    ),
    (
      Sample.evidence("distinct_messages", 1024, 10, "1", source: "dead_lettered"),
      "distinct dead letters 1024 ≥ 10"
    ),
  ])
  func `evidence reads as words`(evidence: Evidence, text: String) {
    #expect(EvidenceText.item(evidence) == text)
  }

  @Test func `over its threshold is what compares so, or as large where that is enough`() {
    for (evidence, standing) in [
      (Sample.evidence("error_rate", 0.05, 0.05, "ratio", met: false), "not over"),
      (Sample.evidence("error_rate", 0.06, 0.05, "ratio"), "over"), (Sample.evidence("ends", 50, 50, "1"), "over"),
      (Sample.evidence("acks_since_crash", 3, 20, "1"), "not over"),
      (Sample.evidence("retries", nil, 3, "1", met: false), "no samples"),
    ] { #expect(EvidenceText.standing(evidence) == standing, "\(evidence)") }
  }

  @Test func `in one line, that there was enough to judge by goes without saying`() {
    let enough = [
      Sample.evidence("settlements", 24, 20, "1"), Sample.evidence("retries", 5, 3, "1"),
      Sample.evidence("coverage", 1, 0.95, "ratio"),
    ]
    #expect(EvidenceText.line(enough) == "retries p95 5 > 3")
    let tooFew = [Sample.evidence("settlements", 4, 20, "1", met: false)]
    #expect(EvidenceText.line(tooFew) == "settlements 4 < 20")
  }

  @Test func `what fails is told with the conditions that are unmet`() {
    let failing = [
      Sample.evidence("settlements", 24, 20, "1"), Sample.evidence("error_rate", 0.91, 0.05, "ratio", samples: 300),
      Sample.evidence("retries", 5, 3, "1"), Sample.evidence("consumption_delay", 1.3, 60, "s", met: false),
      Sample.evidence("ends", 60, 50, "1"),
      Sample.evidence("dead_letter_rate", 0.1, 0.2, "ratio", samples: 60, met: false),
    ]
    #expect(
      EvidenceText.line(failing)
        == "error rate 91 % > 5 % of 300, retries p95 5 > 3, delay p95 1.3 s ≤ 60 s, dead-letter rate 10 % ≤ 20 % of 60"
    )
  }

  @Test func `what a failing group lacks is told of each rule whose rate is above its threshold`() {
    #expect(
      EvidenceText.unmet(Sample.failing) == "dead-letter-storm: retries p95 0 of 3, delay p95 1.3 s of 60 s")
    var both = Sample.failing
    both[5].met = true
    both[3].value = nil
    #expect(
      EvidenceText.unmet(both)
        == "dead-letter-storm: retries p95 0 of 3, delay p95 without samples; "
        + "dead-letter-flood: ends 34 of 50, distinct dead letters 0 of 10")
    #expect(EvidenceText.unmet(Sample.storm) == nil)
  }

  @Test func `a closed breaker is green only where the verdict is healthy, an override never`() {
    for kind in Verdict.Kind.allCases {
      #expect((TerminalStyle.Colour.of(.closed, verdict: kind) == .green) == (kind == .healthy))
      for state in BreakerState.allCases where state != .closed {
        #expect(TerminalStyle.Colour.of(state, verdict: kind) != .green)
      }
    }
  }

  @Test func `no verdict is green but healthy`() {
    for kind in Verdict.Kind.allCases { #expect((TerminalStyle.Colour.of(kind) == .green) == (kind == .healthy)) }
    #expect(TerminalStyle.Colour.of(Verdict.Kind.failing) == .yellow)
  }

  @Test func `text from outside can't steer a terminal`() {
    #expect(TerminalStyle.printable("a\u{1b}[31mb\u{202e}\nü") == "a\\u{1b}[31mb\\u{202e}\\u{a}ü")
    #expect(TerminalStyle.plain.paint("x", .red) == "x")
    #expect(TerminalStyle.colour.paint("x", .red) == "\u{1b}[31mx\u{1b}[0m")
    #expect(TerminalStyle.detect(descriptor: 99, environment: [:]) == .plain)
  }
}
