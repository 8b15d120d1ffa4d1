package import Pipeline

extension Capture {
  /// Since the capture began.
  package struct Statistics: Sendable, Equatable {
    /// Handed on. Bytes are payload on the wire, captured or not.
    package var segments: UInt64 = 0
    package var bytes: UInt64 = 0
    /// Segments that were dropped because the other end of their connection is recorded as well.
    package var mirrored: UInt64 = 0
    /// Segments of connections for which there was no room in the tables. They were handed on, but without being told
    /// from their mirrors.
    package var untracked: UInt64 = 0
    /// Segments of connections of which the process was not found in time, or that found no room to wait for that: they were not
    /// handed on. Whether they were the target's is not known.
    package var undecided: UInt64 = 0
    package var lost: [CaptureLoss.Cause: Loss] = [:]
    package var connections = 0
    /// Waiting in the ring at this moment, and its size.
    package var queuedBytes: UInt64 = 0
    package var ringBytes: UInt64 = 0
    /// Times that the kernel woke this process.
    package var wakeups: UInt64 = 0
    /// Time spent in the kernel programs, and how often they ran; 0 unless kernel.bpf_stats_enabled is 1.
    package var program_ns: UInt64 = 0
    package var programRuns: UInt64 = 0

    package struct Loss: Sendable, Equatable {
      package var segments: UInt64
      package var bytes: UInt64
    }

    /// What bounds of the capture dropped, by what it was: for the report's `capture.dropped`. Bytes that were lost are in
    /// its `losses`; segments are told here, since a lost SYN has none.
    package var dropped: [String: UInt64] {
      [
        "lost_segments": (lost[.ringFull]?.segments ?? 0) &+ (lost[.copyFailed]?.segments ?? 0),
        "undecided_segments": undecided, "untracked_segments": untracked,
        // Each is a connection that was made and has no entry.
        "unentered_connections": lost[.tableFull]?.segments ?? 0,
      ]
    }
  }
}
