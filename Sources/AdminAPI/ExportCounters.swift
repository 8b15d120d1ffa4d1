/// What an exporter (webhook, event log, the queue before them) did with the events it was given, since the start.
package struct ExportCounters: Equatable, Sendable {
  /// `webhook`, `event_log`, `queue`.
  package var name: String
  /// Events that arrived, or were written.
  package var sent: UInt64 = 0
  /// Events given up: refused, tries or time used up, not written.
  package var failed: UInt64 = 0
  /// Events pushed out of a full queue.
  package var dropped: UInt64 = 0
  /// Tries after the first.
  package var retried: UInt64 = 0
  /// Events that wait now.
  package var queued = 0

  /// Events that will not arrive there any more.
  package var lost: UInt64 { failed &+ dropped }

  package init(name: String) { self.name = name }
}
