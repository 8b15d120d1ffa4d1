// Destinations and their partitions, where the system has them.

extension Group {
  /// One partition as the group consumes it: its books, its window, how far behind it is.
  struct Partition {
    /// Index in `destinations`.
    var destination: Int32
    var number: Int32
    var totals = Totals()
    /// Number of its window in the monitor; nil if it got none.
    var window: Int?
    /// Messages between what is committed and the end; nil if that is not known, or somebody else has it.
    var lag: Int64?
  }

  /// Its books; −1 where there is no room for more, so that it is counted for the group alone.
  func addPartition(_ number: Int32, of destination: String, at: Timestamp) -> Int32 {
    let place = addDestination(destination)
    let filed = UInt64(UInt32(bitPattern: place)) << 32 | UInt64(UInt32(bitPattern: number))
    if let known = partitionIndex[filed] { return known }
    guard partitions.count < Self.partitionBound else { return -1 }
    partitionIndex[filed] = Int32(partitions.count)
    let window = monitor.addPartition(named: "\(destination)-\(number)", at: at)
    partitions.append(Partition(destination: place, number: number, window: window))
    return Int32(partitions.count - 1)
  }

  /// Windows for partitions that came while the rule that looks at them was off.
  func addMissingWindows(at: Timestamp) {
    for i in partitions.indices where partitions[i].window == nil {
      let name = "\(destinations[Int(partitions[i].destination)])-\(partitions[i].number)"
      partitions[i].window = monitor.addPartition(named: name, at: at)
    }
  }

  /// Counts something for the group and for one of its partitions (−1: none).
  @inline(__always) func count(_ partition: Int32, _ change: (inout Totals) -> Void) {
    change(&totals)
    if partition >= 0 { change(&partitions[Int(partition)].totals) }
  }

  func window(of partition: Int32) -> Int? { partition < 0 ? nil : partitions[Int(partition)].window }

  /// What the partition belongs to; without partitions, what the group consumes.
  func destination(of partition: Int32) -> String {
    partition < 0 ? destinations.first ?? "" : destinations[Int(partitions[Int(partition)].destination)]
  }

  /// Messages that wait for the target's consumers; nil if nothing is known of that.
  var lag: Int64? {
    var sum: Int64?
    for partition in partitions { if let lag = partition.lag { sum = (sum ?? 0) &+ lag } }
    return sum
  }

  /// As many as get windows.
  private static let partitionBound = 1024
}

/// Deliveries by destination; names past the bound count under `(other)`.
struct DestinationCounts {
  struct Name: Hashable {
    var system: MessagingSystem
    var destination: String
  }

  private(set) var counts: [Name: UInt64] = [:]
  /// Deliveries of destinations whose names were not kept.
  private(set) var unnamed: UInt64 = 0

  mutating func add(_ count: UInt64 = 1, _ system: MessagingSystem, _ destination: String) {
    let name = Name(system: system, destination: destination)
    if counts[name] != nil || counts.count < Self.bound {
      counts[name, default: 0] += count
    } else {
      unnamed += count
      counts[Name(system: system, destination: "(other)"), default: 0] += count
    }
  }

  private static let bound = 1024
}
