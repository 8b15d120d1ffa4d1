import AdminAPI
import ConfigurationFile
import Export
import Pipeline
import State
import Synchronization

/// Tells the world of transitions, of holding and of alerts: a line on the terminal, a JSON line in the event log, a request
/// to the webhook.
///
/// `announce` may be called from the engine's thread: it only queues. What may wait (disk, network) happens in `run`. Bound:
/// 8,192 events in the queue; past that the oldest go, counted.
final class Announcer: Sendable {
  private let log: EventLog?
  private let webhook: Webhook?
  private let events: AsyncStream<Announcement>
  private let queue: AsyncStream<Announcement>.Continuation
  private let watch = Mutex(LogWatch())
  private let queued = Mutex(ExportCounters(name: "queue"))
  private let target: @Sendable () -> String
  private let quiet: Bool
  private let namesTargets: Bool

  /// - Parameter namesTargets: There are several: lines name the target, and an event's `href` has cluster and target, so
  ///   that it leads to one breaker.
  init(
    _ configuration: Configuration, eventsPath: String?, quiet: Bool, box: ReportBox, namesTargets: Bool = false
  ) throws {
    self.quiet = quiet
    self.namesTargets = namesTargets
    target = { [weak box] in box?.target ?? "" }
    // Transitions of one breaker are at least a tenth of a second apart; a queue this long is minutes of many storms.
    (events, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.queueBound))
    log = try (eventsPath ?? configuration.events).map { try EventLog(path: $0) }
    webhook = try configuration.webhook.map {
      try Webhook(
        url: $0.url, timeout_ns: $0.timeout_ns, retries: $0.retries, retryFor_ns: $0.retryFor_ns,
        headers: $0.headers.map { ($0.name, $0.value) }, version: Version.current,
        report: { Terminal.say("stormfuse: \($0)") })
    }
    if let log {
      box.addExport { log.counters }
      box.addCheck {
        .init(name: "events", ok: log.failing == nil, detail: log.failing ?? "written", onlyDegrades: true)
      }
    }
    if let webhook { box.addExport { webhook.counters } }
    box.addExport { [weak self] in self?.queued.withLock(\.self) ?? ExportCounters(name: "queue") }
  }

  /// Whether events can be written, as it was told last.
  private struct LogWatch {
    var alerts = Alerts(linger_ns: 0)
    /// Events lost before the alert that lasts.
    var lostBefore: UInt64 = 0
  }

  private enum Announcement {
    case transition(TransitionEvent)
    case holding(HoldingEvent)
    case alert(AlertEvent)
  }

  func announce(_ transition: Transition, _ group: Report.Group, owner: String?, runbook: String?) {
    let event = TransitionEvent(group: group, transition: transition, owner: owner, runbook: runbook)
    put(.transition(named(event)))
  }

  func announce(_ event: HoldEvent, _ group: Report.Group, owner: String?, runbook: String?) {
    put(.holding(named(HoldingEvent(event, group: group, owner: owner, runbook: runbook))))
  }

  func announce(_ alert: Alert, _ group: Report.Group, owner: String?, runbook: String?) {
    put(.alert(named(AlertEvent(alert, group: group, owner: owner, runbook: runbook))))
  }

  /// An alert of the sidecar's own.
  func announce(_ alert: Alert, target: String, why: String?) {
    put(.alert(AlertEvent(alert, target: target, why: why)))
  }

  private func put(_ event: Announcement) {
    switch queue.yield(event) {
    case .dropped: queued.withLock { $0.dropped += 1 }
    case .enqueued: queued.withLock { $0.sent += 1 }
    case .terminated: break
    @unknown default: break
    }
  }

  func named<Content>(_ event: GroupEvent<Content>) -> GroupEvent<Content> {
    guard namesTargets else { return event }
    var event = event
    let head = event.head
    event.head.href = BreakerReference(key: head.key, cluster: head.cluster, target: head.target).href
    return event
  }

  /// Nothing more will be announced.
  func close() { queue.finish() }

  /// Works until `close`, then until the webhook has delivered what was queued, at most five seconds.
  func run() async {
    let watching = Task {
      while (try? await Task.sleep(for: Self.watchEvery)) != nil {
        log?.look()
        watchLog()
      }
    }
    defer { watching.cancel() }
    await withTaskGroup(of: Void.self) { tasks in
      if let webhook { tasks.addTask { await webhook.run() } }
      for await event in events {
        switch event {
        case .transition(let event):
          tell(event, TransitionLine.text(event, style: Terminal.messages))
          webhook?.send(event)
        case .holding(let event):
          tell(event, HoldingLine.text(event, style: Terminal.messages))
          // A transition's event says whether traffic is held; the webhook needs no second one for that.
          if event.kind != .held, event.kind != .released { webhook?.send(event) }
        case .alert(let event):
          tell(event, AlertLine.text(event, style: Terminal.messages))
          webhook?.send(event)
        }
        watchLog()
      }
      await webhook?.drain(within: Self.drain)
    }
    if let lost = log?.counters.failed, lost > 0, !quiet {
      Terminal.say(
        "stormfuse: \(EvidenceText.count(Int(clamping: lost), "event")) could not be written to the event log")
    }
  }

  /// Tells that events can't be written, wherever that can be told, and that they can again. The event of the end is itself
  /// the try: once the log takes it, writing works.
  private func watchLog() {
    guard let log else { return }
    watch.withLock { watch in
      let (now, lost, failing) = (SnapshotWriter.clock(), log.counters.failed, log.failing)
      guard let ending = watch.alerts.ending(.events, at: now) else {
        guard let alert = watch.alerts.update(.events, failing == nil ? .gone : .holds, at: now) else {
          watch.lostBefore = lost
          return
        }
        return tellOfLog(AlertEvent(alert, target: target(), why: failing))
      }
      let event = AlertEvent(ending, target: target(), why: nil, lost: lost - watch.lostBefore)
      guard log.retry(event) else { return }
      _ = watch.alerts.update(.events, .gone, at: now)
      watch.lostBefore = lost
      tellOfLog(event)
    }
  }

  private func tellOfLog(_ event: AlertEvent) {
    if !quiet { Terminal.say(AlertLine.text(event, style: Terminal.messages)) }
    webhook?.send(event)
  }

  private func tell(_ event: some ExportedEvent, _ line: String) {
    let target = namesTargets ? "  [\(TerminalStyle.printable(event.head.target))]" : ""
    if !quiet { Terminal.say(line + target) }
    log?.write(event)
  }

  /// What the webhook gets at the end to deliver what is queued.
  static let drain = Duration.seconds(5)
  /// How often it is looked whether events can be written, besides after each.
  private static let watchEvery = Duration.seconds(1)
  private static let queueBound = 8192
}
