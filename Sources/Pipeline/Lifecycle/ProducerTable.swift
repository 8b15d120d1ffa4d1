/// What the target publishes, by destination. `bound` destinations are told apart, and as many again that may hold copies
/// of failed messages; what comes after is counted under `(other)`, by process and kind.
///
/// Memory: those entries, and 16 bytes for each destination that shares one; past `sharedBound` those are forgotten and
/// looked up anew.
struct ProducerTable {
  struct Entry {
    var system: MessagingSystem
    var destination: String
    var process: UInt64
    var published: UInt64 = 0
    /// Of those, copies that ended a delivery.
    var copies: UInt64 = 0
    /// Of those published, answers to an address that a request named.
    var answers: UInt64 = 0
    var use: Use
    /// The name to compare with a source's: `orders.dlq` extends `orders`.
    var name: String
    /// Version of what is known of the broker's topology when `use` was worked out.
    var version: UInt64 = 0
    /// What it is for is what its name says, nothing else.
    var isNamed = false

    /// Keys of groups that what goes there was seen to come back to.
    var learned: [String] = []
    var whyLearned = Why.cameBack
    /// Copies that were passed on there, and how many of them came back.
    var passedOn: UInt64 = 0
    var cameBack: UInt64 = 0
    /// It stands for several destinations: nothing is learned of them.
    fileprivate(set) var isShared = false

    var kind: DestinationKind { use.kind }
    /// Nothing but its name says what it is for.
    var isKnownByName: Bool { use.why == .name && learned.isEmpty }
    /// It was seen to get answers, and no copies.
    private var getsAnswers: Bool { answers > 0 && copies == 0 && isKnownByName }
    /// What goes there is another try or a dead letter, if it is a copy.
    var mayHoldCopies: Bool { !getsAnswers && (use.kind != .normal || use.comesBack || !learned.isEmpty) }
    /// It is for nothing else than copies.
    var keepsCopies: Bool { !getsAnswers && (use.keepsCopies || !learned.isEmpty) }
    /// What it was taken for, as the report tells it. A name that says little counts once a copy went there.
    var shownKind: DestinationKind {
      if !use.groups.isEmpty { return copies > 0 ? .retry : .normal }
      if use.comesBack || !learned.isEmpty || (copies > 0 && !use.returnsExpired.isEmpty) { return .retry }
      if getsAnswers { return .normal }
      return use.isStrong || copies > 0 ? use.kind : .normal
    }
    /// Nil where nothing was decided.
    var shownWhy: Why? {
      if !use.comesBack, !learned.isEmpty { return whyLearned }
      return shownKind != .normal || use.why == .configured ? use.why : nil
    }
  }

  /// What a destination is for.
  struct Use: Equatable {
    var kind = DestinationKind.normal
    /// The kind needs no evidence beside it.
    var isStrong = false
    var why = Why.name
    /// Keys of the target's own groups that get at once what goes there.
    var groups: [String] = []
    /// Those that get it after it has waited.
    var returns: [String] = []
    /// Those that get it after it has waited, if it says itself how long.
    var returnsExpired: [String] = []

    /// The target's own group with a name that the destination's contains (`BorneName`).
    var named: GroupID?

    /// Listed under `normal`: whatever goes there is no copy.
    var isConfiguredNormal: Bool { kind == .normal && why == .configured }
    /// Messages are kept there for a while.
    var waits: Bool { !returns.isEmpty }
    /// One that says itself how long is kept there, and not only dropped after that.
    var waitsIfExpiring: Bool { waits || !returnsExpired.isEmpty || kind == .retry }
    /// A copy that goes there is tried again.
    var comesBack: Bool { !groups.isEmpty || !returns.isEmpty }
    /// It is for nothing else than copies. What goes where a name says little may be an ordinary event.
    var keepsCopies: Bool { (kind != .normal && isStrong) || comesBack }
  }

  /// What a destination was taken for what it is by.
  enum Why: String {
    case name, configured
    /// A consumed queue names it as where its dead letters go.
    case deadLetterTarget = "dead_letter_target"
    /// The target consumes it itself.
    case consumed
    /// It was declared so that messages wait there and return.
    case declared
    /// A copy that was sent there came back.
    case cameBack = "came_back"
    /// The target handed back what it got from there.
    case handedBack = "handed_back"
  }

  private(set) var entries: ContiguousArray<Entry> = []
  private(set) var settings: DestinationSettings
  private var byHash: [UInt64: Int32] = [:]
  private var shared: [Shared: Int32] = [:]
  private var sharedByHash: [UInt64: (index: Int32, version: UInt64)] = [:]

  private struct Shared: Hashable {
    var process: UInt64
    var kind: DestinationKind
  }

  init(settings: DestinationSettings) { self.settings = settings }

  subscript(_ index: Int32) -> Entry {
    _read { yield entries[Int(index)] }
    _modify { yield &entries[Int(index)] }
  }

  /// The entry filed under `hash` (of system, process and destination), or nil if there is none, or what it is for has to
  /// be worked out from a later version of the topology.
  func find(_ hash: UInt64, version: UInt64) -> Int32? {
    if let known = byHash[hash] { return entries[Int(known)].version == version ? known : nil }
    guard let known = sharedByHash[hash], known.version == version else { return nil }
    return known.index
  }

  /// Files a destination, or what it is for by now.
  mutating func file(_ hash: UInt64, _ entry: Entry) -> Int32 {
    if let known = byHash[hash] {
      entries[Int(known)].use = entry.use
      entries[Int(known)].version = entry.version
      if entry.use.isConfiguredNormal { entries[Int(known)].learned = [] }
      return known
    }
    if byHash.count < (entry.mayHoldCopies ? 2 : 1) * Self.bound {
      entries.append(entry)
      byHash[hash] = Int32(entries.count - 1)
      return Int32(entries.count - 1)
    }
    if sharedByHash.count >= Self.sharedBound { sharedByHash.removeAll(keepingCapacity: true) }
    let index = share(entry)
    sharedByHash[hash] = (index, entry.version)
    return index
  }

  /// What is told by its name alone is told anew at once; the rest with the next version of the topology. Those that share
  /// an entry are looked up anew.
  mutating func replace(settings: DestinationSettings) {
    guard settings != self.settings else { return }
    self.settings = settings
    sharedByHash.removeAll(keepingCapacity: true)
    for i in entries.indices where entries[i].isNamed && !entries[i].name.isEmpty {
      entries[i].use = settings.use(of: entries[i].name)
    }
  }

  private mutating func share(_ entry: Entry) -> Int32 {
    let place = Shared(process: entry.process, kind: entry.kind)
    if let known = shared[place] { return known }
    // Processes without end share what the first of them have.
    if shared.count >= Self.bound, let known = shared.first(where: { $0.key.kind == entry.kind }) { return known.value }
    var other = entry
    other.destination = "(other)"
    other.name = ""
    other.use = Use(kind: entry.kind, isStrong: entry.use.isStrong)
    other.learned = []
    other.isShared = true
    entries.append(other)
    shared[place] = Int32(entries.count - 1)
    return Int32(entries.count - 1)
  }

  private static let bound = 1024
  private static let sharedBound = 65_536
}
