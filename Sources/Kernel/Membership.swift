/// Which processes are the target's: those named and all their descendants, including those whose parent has ended since.
/// A value without locks; `Discovery` guards it.
///
/// A descendant is known by its parent, or, if its parent ended before a look, by its session: where a process of the
/// target began the session, all in it descend from that one, since a session is inherited and can't be joined. A process
/// group tells nothing: `orders | tee log` is one.
///
/// The limit: a process that becomes a daemon, with its parent ended and a session of its own begun between two looks (100 ms),
/// is not known. In a cgroup of the target's own it is, since there all are the target's; so it is with `--cgroup`.
struct Membership {
  private var starts = [Int32: UInt64]()
  /// Those that processes of the target have begun, as long as a process is in them: until then their number stays taken.
  private var sessions = Set<Int32>()
  /// Processes that `adopt` has found to be strangers since the last update. A neighbour that connects thousands of times a
  /// second must not cost a walk through /proc each time. Within that tenth of a second no number is used twice.
  private var strangers = Set<Int32>()

  var processes: [Int32] { Array(starts.keys) }
  var isEmpty: Bool { starts.isEmpty }

  func contains(_ process: Int32) -> Bool { starts[process] != nil }

  /// Returns whether it was not in here.
  @discardableResult
  mutating func insert(_ process: Int32, start: UInt64) -> Bool { starts.updateValue(start, forKey: process) != start }

  /// Brings it up to date with a list of all processes: children come in, the dead go out. Returns those that changed.
  mutating func update(_ all: [Int32: ProcessTable.Entry]) -> (entered: [Int32], left: [Int32]) {
    strangers.removeAll(keepingCapacity: true)
    let left = starts.filter { all[$0.key]?.start != $0.value }.map(\.key)
    // The children of one that has just ended still name it as their parent if they were listed before it went; they are
    // looked for before it is forgotten.
    var entered = [Int32]()
    sessions.formIntersection(all.values.map(\.session))
    for (process, start) in starts where all[process]?.start == start && all[process]?.session == process {
      sessions.insert(process)
    }
    for (process, entry) in all where sessions.contains(entry.session) && starts[process] != entry.start {
      starts[process] = entry.start
      entered.append(process)
    }
    var children = [Int32: [Int32]]()
    for (process, entry) in all { children[entry.parent, default: []].append(process) }
    var waiting = Array(starts.keys)
    while let parent = waiting.popLast() {
      for child in children[parent] ?? [] where starts[child] != all[child]?.start {
        guard let entry = all[child] else { continue }
        // A number that was used again for a process older than its supposed parent cannot be.
        if let parentStart = starts[parent], entry.start < parentStart { continue }
        starts[child] = entry.start
        entered.append(child)
        if entry.session == child { sessions.insert(child) }
        waiting.append(child)
      }
    }
    for process in left where all[process]?.start != starts[process] { starts[process] = nil }
    return (entered, left.filter { starts[$0] == nil })
  }

  /// Whether a process that was not here when last looked is a descendant; if so it comes in.
  mutating func adopt(_ process: Int32) -> Bool {
    if strangers.contains(process) { return false }
    var line = [(process: Int32, start: UInt64)]()
    var next = process
    while line.count < Self.generations, next > 1 {
      if let start = starts[next] {
        // The number may have passed to somebody else since.
        guard ProcessTable.entry(next)?.start ?? start == start else { return false }
        for one in line { starts[one.process] = one.start }
        return true
      }
      guard let entry = ProcessTable.entry(next) else { return false }
      line.append((next, entry.start))
      if sessions.contains(entry.session) {
        for one in line { starts[one.process] = one.start }
        return true
      }
      next = entry.parent
    }
    // Where an ancestor ended meanwhile nothing was found out.
    if strangers.count < Self.strangersMaximum { strangers.insert(process) }
    return false
  }

  /// Longest line of ancestors that is followed.
  private static let generations = 64
  private static let strangersMaximum = 4096
}
