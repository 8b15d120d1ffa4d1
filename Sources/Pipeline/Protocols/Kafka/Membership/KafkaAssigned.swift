/// Which partitions one member of a group has, and in which generation, by the coordinator's word. Where each is read is the
/// cursors' matter.
///
/// - `assign`: an assignment replaces what it had (SyncGroup, ConsumerGroupHeartbeat).
/// - `confirm`: an answer without an assignment tells that nothing changed (KIP-848).
/// - `take`, `lose`: single partitions, where no assignment was seen, or another member has got one.
/// - `leave`: it left, or was put out.
struct KafkaAssigned {
  private(set) var places: Set<KafkaPlace> = []
  /// The generation (or the member's epoch) of the latest assignment; −1: none was seen.
  private(set) var generation: Int32 = -1
  /// The latest assignment was heard, and every change since (KIP-848: answers repeat nothing).
  private var isKnown = false
  /// It had partitions before.
  private var hadSome = false

  var isEmpty: Bool { places.isEmpty }

  struct Change: Equatable {
    /// It is another generation, or other partitions: positions start anew.
    var isNew: Bool
    /// It changes what the member had; its first partitions don't.
    var movesPartitions: Bool
    var lost: [KafkaPlace]
  }

  mutating func assign(_ places: Set<KafkaPlace>, generation: Int32, isWhole: Bool) -> Change {
    let change = Change(
      isNew: generation != self.generation || places != self.places, movesPartitions: hadSome && places != self.places,
      lost: self.places.subtracting(places).sorted())
    self.places = places
    self.generation = generation
    if isWhole { isKnown = true }
    if !places.isEmpty { hadSome = true }
    return change
  }

  mutating func confirm(generation: Int32) { if isKnown { self.generation = max(self.generation, generation) } }

  mutating func take(_ place: KafkaPlace) { places.insert(place) }

  mutating func lose(_ place: KafkaPlace) { places.remove(place) }

  mutating func leave() {
    places.removeAll()
    isKnown = false
  }

  mutating func rename(_ place: KafkaPlace, to other: KafkaPlace) {
    if places.remove(place) != nil { places.insert(other) }
  }
}

/// Which member has a partition, and since when. `serial` changes with every owner: an answer to another owner's request is not
/// this one's.
struct KafkaOwner {
  private(set) var member: KafkaMember?
  private(set) var since = Timestamp.zero
  private(set) var serial: UInt32 = 0

  mutating func take(_ member: KafkaMember, at: Timestamp) {
    self.member = member
    since = at
    serial &+= 1
  }

  mutating func release() {
    member = nil
    serial &+= 1
  }

  /// The same partition was known under another name, where this member had it.
  mutating func adopt(_ other: KafkaOwner) { if member == nil { member = other.member } }
}

/// Generations of a group, and which of them were rebalances.
///
/// A classic group is assigned anew with each generation; the first that is seen is where it began, or we came in. Of a new one
/// (KIP-848) each member hears for itself, in steps, and epochs count every change of any member: a rebalance is what changes the
/// partitions that a member had, at most one for an epoch.
struct KafkaGenerations {
  private var latest: Int32 = -1
  private var changedAt: Int32 = -1

  /// A member was assigned. Whether that was a rebalance which had not been seen yet.
  mutating func note(_ generation: Int32, isClassic: Bool, movesPartitions: Bool) -> Bool {
    defer {
      latest = max(latest, generation)
      if movesPartitions { changedAt = generation }
    }
    return isClassic ? latest >= 0 && generation > latest : movesPartitions && generation != changedAt
  }
}
