package import AdminAPI
internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Posts each event as JSON to one URL.
///
/// In: events, from any thread, never waiting. Out: one POST each, with the event's id as `Idempotency-Key`, since a
/// receiver may see it twice. A group's events arrive in their order: the next one waits until the one before arrived
/// or was given up. Groups don't wait for each other; at most four requests at a time. Bound: 1,024 events; past that
/// the oldest that is not on its way goes, counted. 2xx is success; 408, 429, 5xx and broken connections are tried
/// again by `RetryPolicy`; every other answer, a redirect included, is final. The address and the headers may hold
/// secrets: no message contains them.
package final class Webhook: Sendable {
  private let target: WebhookTarget
  private let policy: RetryPolicy
  private let timeout: Duration
  private let report: @Sendable (String) -> Void
  private let state = Mutex(State())
  private let wake: AsyncStream<Void>
  private let waker: AsyncStream<Void>.Continuation

  private struct State {
    var queue = WebhookQueue()
    var counters = ExportCounters(name: "webhook")
    var stopped = false
  }

  /// - Parameters:
  ///   - url: http or https; user and password in it become an Authorization field.
  ///   - timeout_ns: For one try, connecting included.
  ///   - retries: Tries after the first.
  ///   - retryFor_ns: No try begins later than this after the event.
  ///   - report: Called with one line for each event that is given up; it names neither address nor headers.
  /// - Throws: When the address can't be used.
  package convenience init(
    url: String, timeout_ns: Int64, retries: Int, retryFor_ns: Int64, headers: [(name: String, value: String)] = [],
    version: String, report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(InvalidURL) {
    self.init(
      try WebhookTarget(url: url, headers: headers, version: version),
      RetryPolicy(retries: retries, within: .nanoseconds(retryFor_ns)), timeout: .nanoseconds(timeout_ns), report)
  }

  package struct InvalidURL: Error, Equatable, CustomStringConvertible {
    package var description: String { "the webhook's address is not http://HOST… or https://HOST…" }
  }

  init(
    _ target: WebhookTarget, _ policy: RetryPolicy, timeout: Duration,
    _ report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.target = target
    self.policy = policy
    self.timeout = timeout
    self.report = report
    (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  package var counters: ExportCounters {
    state.withLock {
      var counters = $0.counters
      counters.queued = $0.queue.count
      return counters
    }
  }

  /// Puts an event in the queue and returns at once. After `drain` it is dropped, counted.
  package func send(_ event: some ExportedEvent) {
    guard let body = try? JSON.encode(event) else { return state.withLock { $0.counters.failed += 1 } }
    let head = event.head
    let entry = WebhookQueue.Entry(
      id: head.id, group: "\(head.cluster)\u{0}\(head.target)\u{0}\(head.key)", key: head.key, body: body,
      accepted: .now)
    state.withLock {
      if $0.stopped || !$0.queue.append(entry) { $0.counters.dropped += 1 }
    }
    waker.yield()
  }

  /// Delivers until `drain` is through or the task is cancelled. Call it once.
  package func run() async {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.timeout.connect = .nanoseconds(Self.nanoseconds(timeout))
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    await withDiscardingTaskGroup { tasks in
      // The first turn delivers what was queued before.
      waker.yield()
      for await _ in wake {
        while let entry = state.withLock({ $0.queue.next(at: .now, atMost: Self.mostRequests) }) {
          tasks.addTask { await self.deliver(entry, client) }
        }
      }
      tasks.cancelAll()
    }
    state.withLock {
      $0.stopped = true
      $0.counters.failed += UInt64($0.queue.removeAll())
    }
    try? await client.shutdown()
    try? await group.shutdownGracefully()
  }

  /// At the end: waits until everything is delivered or given up, at most for `limit`, and ends `run`. What is left is
  /// counted as failed.
  package func drain(within limit: Duration) async {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline, state.withLock({ $0.queue.count }) > 0 {
      do { try await Task.sleep(for: .milliseconds(10)) } catch { break }
    }
    state.withLock { $0.stopped = true }
    waker.finish()
  }

  /// One try, and if it failed the wait for the next.
  private func deliver(_ entry: WebhookQueue.Entry, _ client: HTTPClient) async {
    let (answer, reason, retryAfter) = await post(entry, client)
    var wait: Duration?
    state.withLock { state in
      switch answer {
      case .taken:
        state.queue.finish(entry)
        state.counters.sent += 1
      case .refused:
        state.queue.finish(entry)
        state.counters.failed += 1
      case .failed:
        let decision = policy.decide(
          tries: entry.tries, elapsed: .now - entry.accepted, retryAfter: retryAfter, random: .random(in: 0..<1))
        if case .again(let delay) = decision, !Task.isCancelled {
          wait = delay
          state.queue.retry(entry, at: .now + delay)
          state.counters.retried += 1
        } else {
          state.queue.finish(entry)
          state.counters.failed += 1
        }
      }
    }
    if answer != .taken, wait == nil {
      report(
        "webhook: gave up event \(entry.id) of \(entry.key) after \(entry.tries) \(entry.tries == 1 ? "try" : "tries"): \(reason)"
      )
    }
    waker.yield()
    guard let wait else { return }
    try? await Task.sleep(for: wait)
    waker.yield()
  }

  private func post(
    _ entry: WebhookQueue.Entry, _ client: HTTPClient
  ) async -> (answer: RetryPolicy.Answer, reason: String, retryAfter: Duration?) {
    do {
      let request = target.request(id: entry.id, body: entry.body)
      // The body of the answer is nobody's: letting go of the answer ends the exchange.
      let response = try await client.execute(request, timeout: .nanoseconds(Self.nanoseconds(timeout)))
      let after = RetryPolicy.retryAfter(response.headers.first(name: "Retry-After"), now_s: Int64(time(nil)))
      return (RetryPolicy.Answer(status: Int(response.status.code)), "it answered \(response.status.code)", after)
    } catch let error as HTTPClientError {
      return (.failed, error.shortDescription, nil)
    } catch is CancellationError {
      return (.failed, "the sidecar ended", nil)
    } catch {
      // An error's own words may repeat the address.
      return (.failed, "no connection", nil)
    }
  }

  private static func nanoseconds(_ duration: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
  }

  private static let mostRequests = 4
}
