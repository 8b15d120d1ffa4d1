internal import CProbe
internal import Glibc
internal import Pipeline
internal import Synchronization

/// Finds which of the target's processes has made a connection where the kernel can't name it as we do: in a PID namespace
/// before Linux 6.10, and in a namespace below ours on every kernel. The connection's cookie leads by sock_diag to its
/// socket's inode, and that by /proc/PID/fd to the process.
///
/// What was found teaches the process's number in the first PID namespace (`PROCESS_OUTER`). It goes into the kernel's table
/// of members, so the next connection of that process is known at once, and can be refused.
///
/// May be used from several threads: the one that polls asks, the one of `Discovery` answers. A search reads the sockets of
/// the target's network namespaces and the descriptors of its processes: some milliseconds, for all that are asked for.
final class ProcessFinder: Sendable {
  private let state = Mutex(State())
  private let alarm = Alarm()

  private struct State {
    /// The number in the first PID namespace, by cookie.
    var asked = [UInt64: UInt32]()
    /// By cookie; 0 for one that is not the target's.
    var found = [UInt64: Int32]()
    /// How long the last search took.
    var search_ns: Int64 = 0
    /// What such numbers stand for, of the target's processes alone; `learned` since `takeFound`.
    var known = [UInt32: Int32]()
    var learned = [UInt32: Int32]()
  }

  /// The target's process with this number in the first PID namespace; nil if it is not known yet, or not the target's.
  func process(outer: UInt32) -> Int32? { state.withLock { $0.known[outer] } }

  var knownCount: Int { state.withLock { $0.known.count } }

  /// Has the process of a connection looked for. Beyond `WaitingSegments.connectionsMaximum` at a time it does nothing.
  func find(_ cookie: UInt64, outer: UInt32) {
    let isNew = state.withLock { state in
      guard state.asked[cookie] == nil, state.asked.count < WaitingSegments.connectionsMaximum else { return false }
      state.asked[cookie] = outer
      return true
    }
    if isNew { alarm.ring() }
  }

  /// What was found since the last call, by cookie: the process, or 0. From now on `process(outer:)` knows it too, not before:
  /// what waits for an answer must not be overtaken by a later connection of its process.
  func takeFound() -> [UInt64: Int32] {
    state.withLock { state in
      state.known.merge(state.learned) { $1 }
      state.learned = [:]
      defer { state.found = [:] }
      return state.found
    }
  }

  /// Waits for 100 ms, or until something is asked for or happens in the directory that is watched, but never less than 10 ms,
  /// or four times as long as the last search took, up to 40 ms: other processes of the cgroup that connect all the time must
  /// not keep a processor busy.
  func rest(_ watch: DirectoryWatch) {
    let begun_ns = Clock.monotonic_ns()
    guard cprobe_wait(watch.descriptor, alarm.descriptor, Self.rest_ms) > 0 else { return }
    alarm.take()
    watch.take()
    let rested_ns = Clock.monotonic_ns() - begun_ns
    let least_ns = min(.milliseconds(40), max(.milliseconds(10), 4 * state.withLock { $0.search_ns }))
    if rested_ns < least_ns { usleep(UInt32((least_ns - rested_ns) / 1000)) }
  }

  /// What was asked for since the last call. To be taken before the target's processes are listed: the list must hold the
  /// process that made a connection which was asked for.
  func takeAsked() -> [UInt64: UInt32] {
    state.withLock { state in
      defer { state.asked = [:] }
      return state.asked
    }
  }

  /// Gives the processes of the connections that were asked for. A process with a /proc/PID/fd that may not be read is not found, nor is one that has closed the
  /// connection by then.
  func answer(_ asked: [UInt64: UInt32], _ programs: Programs, processes: () -> [Int32]) {
    guard !asked.isEmpty else { return }
    let began_ns = Clock.monotonic_ns()
    // Of several that share a socket the first, as `Discovery` has it.
    let processes = processes().sorted()
    var owners = [UInt32: Int32]()
    for process in processes {
      guard case .open(let sockets) = ProcessTable.sockets(process) else { continue }
      for inode in sockets.keys where owners[inode] == nil { owners[inode] = process }
    }
    var spaces = NetworkSpaces()
    var found = asked.mapValues { _ in Int32(0) }
    for socket in spaces.sockets(of: processes).sockets where socket.inode != 0 && asked[socket.cookie] != nil {
      found[socket.cookie] = owners[socket.inode] ?? 0
    }
    let learned = asked.compactMap { cookie, outer in found[cookie].flatMap { $0 > 0 ? (outer, $0) : nil } }
    state.withLock { state in
      for (outer, process) in learned { state.learned[outer] = process }
      state.found.merge(found) { $1 }
      state.search_ns = Clock.monotonic_ns() - began_ns
    }
    _ = programs.withMaps { maps, _ in
      var yes: UInt8 = 1
      for (outer, _) in learned {
        var number = outer
        _ = cprobe_map_update(maps.members, &number, &yes, 0)
      }
    }
  }

  /// Forgets all processes but these: the numbers of the others may become a stranger's.
  func keep(only processes: () -> Set<Int32>, _ programs: Programs) {
    guard state.withLock({ !$0.known.isEmpty }) else { return }
    let live = processes()
    let numbers = state.withLock { state in
      let numbers = state.known.filter { !live.contains($0.value) }.map(\.key)
      for number in numbers { state.known[number] = nil }
      return numbers
    }
    guard !numbers.isEmpty else { return }
    _ = programs.withMaps { maps, _ in
      for var number in numbers { _ = cprobe_map_delete(maps.members, &number) }
    }
  }

  private static let rest_ms: Int32 = 100
}
