internal import Pipeline

/// The target's connections, by cookie: entered when they are first seen, and forgotten when they have ended or were idle
/// for long. A plain table without I/O; `Capture` asks the kernel and tells it. Those of a neighbour in a shared cgroup are
/// never in here.
///
/// With both ends of a connection in the traced cgroup, the kernel records it twice: under two cookies, with the addresses
/// of one end swapped against the other's. The end that was seen first is the one that counts, which for a new connection
/// is the one that connects; the other is its mirror and is dropped. SYN and SYN-ACK of the accepting end never get here:
/// they carry the listener's cookie.
///
/// Memory: at most `maximum` connections of about 150 bytes each.
struct Connections {
  enum Role: Equatable {
    /// Handed on.
    case own
    /// The other end of one that is handed on.
    case mirror
  }

  struct Connection {
    var role: Role
    var pair: Pair
    /// What the pipeline wants.
    var interest: Interest
    /// Recorded by the programs for shared cgroups.
    var listed: Bool
    var process: UInt32
    /// Directions in which a FIN was seen, bit 0 ingress, bit 1 egress; an RST sets both.
    var ended: UInt8 = 0
  }

  /// The two ends, the socket's own first.
  struct Pair: Hashable {
    var local: Endpoint
    var remote: Endpoint
    var swapped: Pair { Pair(local: remote, remote: local) }
  }

  private var byCookie = [UInt64: Connection]()
  /// Of the connections that are handed on.
  private var byPair = [Pair: UInt64]()

  var count: Int { byCookie.count }
  var isFull: Bool { byCookie.count >= Self.maximum }

  subscript(cookie: UInt64) -> Connection? { byCookie[cookie] }

  /// The connection whose mirror one with this pair would be.
  func original(of pair: Pair, cookie: UInt64) -> UInt64? {
    guard let original = byPair[pair.swapped], original != cookie else { return nil }
    return original
  }

  mutating func insert(_ connection: Connection, cookie: UInt64) {
    byCookie[cookie] = connection
    if connection.role == .own { byPair[connection.pair] = cookie }
  }

  mutating func setInterest(_ interest: Interest, cookie: UInt64) { byCookie[cookie]?.interest = interest }

  /// Notes a FIN or RST.
  mutating func ended(_ flags: TCPFlags, egress: Bool, cookie: UInt64) {
    guard let index = byCookie.index(forKey: cookie) else { return }
    byCookie.values[index].ended |= flags.contains(.rst) ? 3 : egress ? 2 : 1
    let connection = byCookie.values[index]
    // It is not forgotten yet: a reset is seen before TCP has judged it, and late segments may follow. But its addresses
    // may be used anew.
    if connection.ended == 3, byPair[connection.pair] == cookie { byPair[connection.pair] = nil }
  }

  mutating func remove(_ cookie: UInt64) {
    guard let connection = byCookie.removeValue(forKey: cookie) else { return }
    if byPair[connection.pair] == cookie { byPair[connection.pair] = nil }
  }

  /// An entry of the kernel's table.
  struct Entry {
    var cookie: UInt64
    var isIgnored: Bool
    /// Of a shared cgroup, and whether it is the target's is not decided yet.
    var isUndecided = false
    /// Of the sweep before its last packet.
    var epoch: UInt32
  }

  /// Which of the kernel's entries may be dropped from both tables. More go where either table is filling up: the kernel
  /// also enters what connects and is never heard of here.
  func stale(_ entries: [Entry], epoch: UInt32) -> [UInt64] {
    let undecided = entries.count { $0.isUndecided }
    let crowded = max(count, entries.count) > Self.maximum / 2 || undecided > Self.undecidedUsual
    return entries.filter { isStale($0.cookie, ignored: $0.isIgnored, idle: epoch &- $0.epoch, crowded: crowded) }
      .map(\.cookie)
  }

  /// Whether a connection without a packet for `idle` sweeps may be dropped. `crowded`: the tables are filling up.
  func isStale(_ cookie: UInt64, ignored: Bool, idle: UInt32, crowded: Bool) -> Bool {
    guard let connection = byCookie[cookie] else { return idle >= (crowded ? 2 : Self.unseenSweeps) }
    if connection.ended == 3 { return idle >= (crowded ? 1 : 2) }
    if ignored { return idle >= (crowded ? 1 : Self.ignoredSweeps) }
    return idle >= Self.idleSweeps
  }

  static let maximum = 65_536
  static let sweep_ns: Int64 = .seconds(10)
  /// While more undecided connections than usual are in the kernel's table, as when their records were lost.
  static let crowdedSweep_ns: Int64 = .seconds(1)
  static let undecidedUsual = 16_384
  /// Entered on connect, but never seen to send: longer than SYN retries last.
  private static let unseenSweeps: UInt32 = 15
  /// If it comes back to life it is simply looked at anew.
  private static let ignoredSweeps: UInt32 = 6
  /// A day. A connection in a shared cgroup that is idle for longer is found again by discovery, if that may read its
  /// process's descriptors.
  private static let idleSweeps: UInt32 = 8640
}
