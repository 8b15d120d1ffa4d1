internal import CProbe

/// Reads a whole kernel table, a few hundred entries per system call.
enum TableScan {
  static func connections(_ map: Int32, _ body: (UInt64, connection) -> Void) {
    var cookies = [UInt64](repeating: 0, count: batch)
    var entries = [connection](repeating: connection(), count: batch)
    var cursor: UInt64 = 0
    var first = true
    var rounds = 2 * Int(CONNECTIONS_MAXIMUM.rawValue) / batch
    while rounds > 0 {
      rounds -= 1
      var count = UInt32(batch)
      let result = cprobe_map_batch(map, &cursor, &first, &cookies, &entries, &count)
      // Entries come with the last answer too; an error (a kernel before 5.6, a full bucket) just ends this sweep.
      for i in 0..<min(Int(count), batch) where result >= 0 { body(cookies[i], entries[i]) }
      if result != 1 { return }
    }
  }

  private static let batch = 512
}
