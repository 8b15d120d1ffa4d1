package import Pipeline

/// How saving goes, for `/readyz` and metrics.
package struct SnapshotStatus: Equatable, Sendable {
  package struct Failure: Equatable, Sendable {
    package var since: Timestamp
    /// One line: what, why, what to do.
    package var why: String
  }

  /// Nil while saving works. The breakers go on from memory; what the last good file has would be taken after a restart.
  package var failing: Failure?
  /// Nil while the audit can be written.
  package var auditFailing: Failure?
  /// Nil while there is room for the next snapshot, as far as the file system says. Told before anything is lost.
  package var full: Failure?
  /// Since when the disk has been at work on what it was given last; nil between.
  package var busySince: Timestamp?
  /// There is a snapshot that is not on disk yet.
  package var isUnsaved = false
  package var saves: UInt64 = 0
  package var failures: UInt64 = 0
  /// Of the last one saved; 0 before the first.
  package var generation: UInt64 = 0
  package var size_bytes = 0
  package var lastSaved: Timestamp?
  /// How long the last save took.
  package var lastSave_ns: Int64 = 0
  /// Lines on disk.
  package var auditLines: UInt64 = 0
  /// Lines lost: too many waited, or the writer was closed.
  package var auditDropped: UInt64 = 0

  package init() {}
}
