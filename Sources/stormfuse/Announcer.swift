import AdminAPI
import ConfigurationFile
import Export
import Pipeline
import State
import Synchronization

/// Tells the world of transitions, of holding and of alerts: a line on the terminal, a JSON line in the event log, a request to the webhook.
///
/// `announce` may be called from the engine's thread: it only queues. What may wait (disk, network) happens in `run`.
final class Announcer: Sendable {
  private let log: EventLog?
  private let webhook: Webhook?
  private let events: AsyncStream<Announcement>
  private let queue: AsyncStream<Announcement>.Continuation
  private let logPath: String
  private let logAlerts = Mutex(Alerts(linger_ns: 0))
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
    logPath = eventsPath ?? configuration.events ?? ""
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
      box.addCheck { .init(name: "events", ok: log.failing == nil, detail: log.failing ?? "written") }
    }
    if let webhook { box.addExport { webhook.counters } }
  }

  private enum Announcement {
    case transition(TransitionEvent)
    case holding(HoldingEvent)
    case alert(AlertEvent)
  }

  func announce(_ transition: Transition, _ group: Report.Group, owner: String?, runbook: String?) {
    let event = TransitionEvent(group: group, transition: transition, owner: owner, runbook: runbook)
    queue.yield(.transition(named(event)))
  }

  func announce(_ event: HoldEvent, _ group: Report.Group, owner: String?, runbook: String?) {
    queue.yield(.holding(named(HoldingEvent(event, group: group, owner: owner, runbook: runbook))))
  }

  func announce(_ alert: Alert, _ group: Report.Group, owner: String?, runbook: String?) {
    queue.yield(.alert(named(AlertEvent(alert, group: group, owner: owner, runbook: runbook))))
  }

  /// An alert of the sidecar's own.
  func announce(_ alert: Alert, target: String, why: String?) {
    queue.yield(.alert(AlertEvent(alert, target: target, why: why)))
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
    await withTaskGroup(of: Void.self) { tasks in
      if let webhook { tasks.addTask { await webhook.run() } }
      for await event in events {
        switch event {
        case .transition(let event):
          tell(event, TransitionLine.text(event, style: Terminal.messages))
          webhook?.send(event)
        case .holding(let event):
          tell(event, HoldingLine.text(event, style: Terminal.messages))
          // Transitions say whether traffic is held: whoever is called by a webhook needs no more of that.
          if event.kind != .held, event.kind != .released { webhook?.send(event) }
        case .alert(let event):
          tell(event, AlertLine.text(event, style: Terminal.messages))
          webhook?.send(event)
        }
        watchLog()
      }
      await webhook?.drain(within: Self.drain)
    }
  }

  /// Whether events can be written is known after each; that they can't is told wherever it can be.
  private func watchLog() {
    guard let log else { return }
    let alert = logAlerts.withLock {
      $0.update(.events, log.failing != nil ? .holds : .gone, at: SnapshotWriter.clock())
    }
    guard let alert else { return }
    let event = AlertEvent(alert, target: target(), why: log.failing)
    tell(event, AlertLine.text(event, style: Terminal.messages))
    webhook?.send(event)
  }

  private func tell(_ event: some ExportedEvent, _ line: String) {
    let target = namesTargets ? "  [\(TerminalStyle.printable(event.head.target))]" : ""
    if !quiet { Terminal.say(line + target) }
    log?.write(event)
  }

  /// What the webhook gets at the end to deliver what is queued.
  static let drain = Duration.seconds(5)
  private static let queueBound = 8192
}
