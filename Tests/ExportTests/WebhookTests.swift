import AdminAPI
import NIOHTTP1
import Synchronization
import Testing

@testable import Export

@Suite(.timeLimit(.minutes(1))) struct WebhookTests {
  private static let quick = RetryPolicy(
    retries: 3, within: .seconds(20), base: .milliseconds(20), longest: .milliseconds(100))

  /// Sends events to a receiver and drains.
  private func run(
    _ receiver: Receiver, _ events: [TransitionEvent], policy: RetryPolicy = quick,
    timeout: Duration = .milliseconds(300),
    drain: Duration = .seconds(10), path: String = "/hook?token=secret",
    headers: [(name: String, value: String)] = [], report: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> ExportCounters {
    try await receiver.serve { port in
      let target = try WebhookTarget(url: "http://me:pw@127.0.0.1:\(port)\(path)", headers: headers, version: "1")
      let webhook = Webhook(target, policy, timeout: timeout, report)
      let running = Task { await webhook.run() }
      for event in events { webhook.send(event) }
      await webhook.drain(within: drain)
      await running.value
      return webhook.counters
    }
  }

  @Test func `an event is posted as JSON with its id`() async throws {
    let receiver = Receiver { _, _ in .status(204) }
    let event = try Sample.event()
    let counters = try await run(receiver, [event], headers: [("X-Team", "payments")])
    let request = try #require(receiver.requests.first)
    #expect(request.head.method == .POST && request.head.uri == "/hook?token=secret")
    #expect(request.head.headers["Content-Type"] == ["application/json"])
    #expect(request.head.headers["Idempotency-Key"] == [event.id])
    #expect(request.head.headers["Authorization"] == ["Basic bWU6cHc="])
    #expect(request.head.headers["X-Team"] == ["payments"])
    let read = try JSON.decode(TransitionEvent.self, from: Array(request.body.utf8))
    #expect(read == event)
    #expect(counters.sent == 1 && counters.failed == 0 && counters.retried == 0 && counters.queued == 0)
  }

  @Test(arguments: [408, 429, 500, 503])
  func `a failure that may pass is tried again with the same id`(status: Int) async throws {
    let receiver = Receiver { number, _ in .status(number < 3 ? status : 200) }
    let counters = try await run(receiver, [try Sample.event()])
    #expect(receiver.requests.count == 3)
    #expect(Set(receiver.requests.flatMap { $0.head.headers["Idempotency-Key"] }).count == 1)
    #expect(counters.sent == 1 && counters.retried == 2)
  }

  @Test(arguments: [301, 400, 401, 403, 404, 410, 413])
  func `an answer that will not change is final`(status: Int) async throws {
    let receiver = Receiver { _, _ in .status(status, [("Location", "/elsewhere")]) }
    let counters = try await run(receiver, [try Sample.event()])
    #expect(receiver.requests.count == 1)
    #expect(counters.failed == 1 && counters.sent == 0 && counters.retried == 0)
  }

  @Test func `a receiver that hangs is left after the timeout, one that hangs up is tried again`() async throws {
    let receiver = Receiver { number, _ in number == 1 ? .hang : number == 2 ? .close : .status(200) }
    let counters = try await run(receiver, [try Sample.event()])
    #expect(receiver.requests.count == 3 && counters.sent == 1)
  }

  @Test func `Retry-After is not undercut`() async throws {
    let receiver = Receiver { number, _ in number == 1 ? .status(429, [("Retry-After", "1")]) : .status(200) }
    _ = try await run(receiver, [try Sample.event()])
    let requests = receiver.requests
    #expect(requests.count == 2 && requests[1].at - requests[0].at >= .seconds(1))
  }

  @Test func `after the last try the event is given up, without a word about the address`() async throws {
    let reports = Mutex<[String]>([])
    let receiver = Receiver { _, _ in .status(503) }
    let counters = try await run(receiver, [try Sample.event()]) { text in reports.withLock { $0.append(text) } }
    #expect(receiver.requests.count == 4 && counters.failed == 1 && counters.retried == 3)
    let texts = reports.withLock { $0 }
    #expect(texts.count == 1 && texts[0].contains("after 4 tries: it answered 503"), "\(texts)")
    #expect(!texts[0].contains("secret") && !texts[0].contains("127.0.0.1") && !texts[0].contains("pw"))
  }

  @Test func `nobody listening is tried again and then given up`() async throws {
    let target = try WebhookTarget(url: "http://127.0.0.1:1/secret", headers: [], version: "1")
    let reports = Mutex<[String]>([])
    let webhook = Webhook(target, Self.quick, timeout: .milliseconds(200)) { text in
      reports.withLock { $0.append(text) }
    }
    let running = Task { await webhook.run() }
    webhook.send(try Sample.event())
    await webhook.drain(within: .seconds(10))
    await running.value
    #expect(webhook.counters.failed == 1 && webhook.counters.retried == 3)
    let texts = reports.withLock { $0 }
    #expect(texts.count == 1 && !texts[0].contains("secret"), "\(texts)")
  }

  @Test func `events of a group arrive in order although the first is tried again, others don't wait for it`()
    async throws
  {
    let receiver = Receiver { number, request in
      request.body.contains("\"key\":\"a\"") && number < 6 ? .status(503) : .status(200)
    }
    var events: [TransitionEvent] = []
    for revision in 1...5 {
      events.append(try Sample.event(revision, key: "a"))
      events.append(try Sample.event(revision, key: "b"))
    }
    let policy = RetryPolicy(retries: 20, within: .seconds(20), base: .milliseconds(20), longest: .milliseconds(60))
    let counters = try await run(receiver, events, policy: policy)
    #expect(counters.sent == 10)
    let ids = receiver.requests.flatMap { $0.head.headers["Idempotency-Key"] }
    let first = ids.filter { $0.hasPrefix("a-") }
    let inOrder = first.reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
    #expect(inOrder == (1...5).map { "a-\($0)" })
    #expect(ids.filter { $0.hasPrefix("b-") } == (1...5).map { "b-\($0)" })
  }

  @Test func `draining ends in time and counts what is left`() async throws {
    let receiver = Receiver { _, _ in .hang }
    let clock = ContinuousClock()
    let began = clock.now
    let events = try (1...20).map { try Sample.event($0) }
    // Long before a try would time out.
    let counters = try await run(receiver, events, timeout: .seconds(600), drain: .milliseconds(300))
    #expect(clock.now - began < .seconds(5))
    #expect(counters.sent == 0 && counters.failed == 20 && counters.queued == 0)
  }

  @Test func `after the end nothing is queued`() async throws {
    let receiver = Receiver { _, _ in .status(200) }
    try await receiver.serve { port in
      let webhook = Webhook(
        try WebhookTarget(url: "http://127.0.0.1:\(port)/", headers: [], version: "1"), Self.quick, timeout: .seconds(1)
      )
      let running = Task { await webhook.run() }
      await webhook.drain(within: .seconds(1))
      await running.value
      webhook.send(try Sample.event())
      #expect(webhook.counters.dropped == 1 && webhook.counters.queued == 0)
    }
  }

  @Test func `the queue holds 1,024 events and drops the oldest, counted`() throws {
    let target = try WebhookTarget(url: "http://127.0.0.1:1/", headers: [], version: "1")
    let webhook = Webhook(target, Self.quick, timeout: .seconds(1))
    for revision in 0..<1030 { webhook.send(try Sample.event(revision)) }
    #expect(webhook.counters.queued == 1024 && webhook.counters.dropped == 6)
  }

  @Test(arguments: ["", "example.com", "ftp://x", "http://", "http:///x", "http:x", "unix:///run/x"])
  func `an address that can't be used is refused`(url: String) {
    #expect(throws: Webhook.InvalidURL.self) { try WebhookTarget(url: url, headers: [], version: "1") }
  }
}

@Suite struct RetryPolicyTests {
  private let policy = RetryPolicy(retries: 8, within: .seconds(600))

  @Test(arguments: [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60)])
  func `the backoff doubles up to its bound, and the delay is anywhere below it`(tries: Int, backoff_s: Int) {
    for random in [0, 0.25, 0.5] {
      let decision = policy.decide(tries: tries, elapsed: .zero, retryAfter: nil, random: random)
      #expect(decision == .again(after: .seconds(backoff_s) * random))
    }
  }

  @Test func `it ends with the tries and with the time`() {
    #expect(policy.decide(tries: 9, elapsed: .zero, retryAfter: nil, random: 0) == .giveUp)
    #expect(policy.decide(tries: 1, elapsed: .seconds(601), retryAfter: nil, random: 0) == .giveUp)
    #expect(policy.decide(tries: 1, elapsed: .zero, retryAfter: .seconds(601), random: 0) == .giveUp)
    #expect(policy.decide(tries: 1, elapsed: .zero, retryAfter: .seconds(9), random: 0) == .again(after: .seconds(9)))
    let endless = RetryPolicy(retries: .max, within: .seconds(600))
    #expect(
      endless.decide(tries: 1_000_000, elapsed: .zero, retryAfter: nil, random: 0.5) == .again(after: .seconds(30)))
  }

  @Test(
    arguments: [
      ("120", .seconds(120)), ("0", .zero), ("-1", nil), ("soon", nil), ("", nil), ("99999999999", .seconds(86_400)),
      ("Sun, 06 Nov 1994 08:49:37 GMT", .seconds(37)), ("Sun, 06 Nov 1994 08:48:37 GMT", .zero),
      ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
    ] as [(String, Duration?)])
  func `Retry-After is seconds or a date`(field: String, delay: Duration?) {
    #expect(RetryPolicy.retryAfter(field, now_s: 784_111_740) == delay)
  }
}
