/// A moment as nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// The pipeline has no clock: every moment comes in with a segment or a tick. Spans of time are plain `Int64`
/// nanoseconds, in names that end in `_ns`.
package struct Timestamp: BitwiseCopyable, Hashable, Comparable, Sendable {
  package var ns: Int64

  @inlinable package init(ns: Int64) { self.ns = ns }

  /// Later than every moment that can occur; `ns` is still far enough from `Int64.max` to add a span to it.
  package static let distantFuture = Timestamp(ns: Int64.max / 2)
  package static let zero = Timestamp(ns: 0)

  @inlinable package static func < (a: Timestamp, b: Timestamp) -> Bool { a.ns < b.ns }
  /// The span from `b` to `a` in nanoseconds; saturates.
  @inlinable package static func - (a: Timestamp, b: Timestamp) -> Int64 {
    let (difference, overflow) = a.ns.subtractingReportingOverflow(b.ns)
    return overflow ? (a.ns < b.ns ? .min : .max) : difference
  }
  /// `a` moved by a span in nanoseconds; saturates.
  @inlinable package static func + (a: Timestamp, span_ns: Int64) -> Timestamp {
    let (sum, overflow) = a.ns.addingReportingOverflow(span_ns)
    return Timestamp(ns: overflow ? (span_ns < 0 ? .min : .max) : sum)
  }
}

/// Spans of time in nanoseconds, for constants: `.seconds(30)`.
extension Int64 {
  @inlinable package static func seconds(_ n: Int64) -> Int64 { n * 1_000_000_000 }
  @inlinable package static func milliseconds(_ n: Int64) -> Int64 { n * 1_000_000 }
}
