/// Index of a cluster in the `ClusterTable`.
typealias ClusterID = Int32

/// Which brokers there are: by the name that the broker tells, else the configured name, else the address.
///
/// A name that is learned later renames the cluster that was known by its address, and two that turn out to be one are
/// united: numbers that were given before stay good, `root` tells whose they are by now. At most `bound` clusters; what
/// comes after shares the last one, counted in `overflowed`.
struct ClusterTable {
  private var names: [String] = []
  /// Which one each belongs to by now; itself for most.
  private var roots: [ClusterID] = []
  /// Clusters that turned out to be others, in the order in which that was found out.
  private(set) var unions: [(from: ClusterID, to: ClusterID)] = []
  private(set) var overflowed: UInt64 = 0
  private var byEndpoint: [Endpoint: ClusterID] = [:]
  /// Addresses that clients dial, where these are translated on the way, each with one that packets went to.
  private var dialled: [Endpoint: Endpoint] = [:]
  private var byName: [String: ClusterID] = [:]
  private var isProvisional: [Bool] = []
  private let configured: String?
  private static let bound = 4096

  init(configured: String?) { self.configured = configured }

  /// The cluster that the broker at `endpoint` belongs to, by address until it has told its name.
  mutating func cluster(at endpoint: Endpoint) -> ClusterID {
    if let known = byEndpoint[endpoint] { return root(known) }
    let id = configured.map { named($0, provisional: false) } ?? named(endpoint.description, provisional: true)
    if byEndpoint.count < Self.bound { byEndpoint[endpoint] = id }
    return id
  }

  /// The same; a broker that has not told its cluster's name is taken for one of `other`, if there is one: a process's
  /// other connections lead to brokers of the same cluster, unless they say otherwise.
  mutating func cluster(at endpoint: Endpoint, like other: ClusterID?) -> ClusterID {
    guard let other = other.map(root) else { return cluster(at: endpoint) }
    guard let known = byEndpoint[endpoint].map(root) else {
      if byEndpoint.count < Self.bound { byEndpoint[endpoint] = other }
      return other
    }
    // Another process met it first. Whoever knows its own cluster's name will be told this one's.
    guard known != other, isProvisional[Int(known)], isProvisional[Int(other)] else { return known }
    return unite(max(known, other), with: min(known, other))
  }

  /// The cluster by its present number.
  func root(_ id: ClusterID) -> ClusterID { roots[Int(id)] }

  func name(of id: ClusterID) -> String { names[Int(root(id))] }

  private mutating func unite(_ from: ClusterID, with to: ClusterID) -> ClusterID {
    for i in roots.indices where roots[i] == from { roots[i] = to }
    unions.append((from, to))
    return to
  }

  /// The broker at `endpoint` says it belongs to the cluster `name`.
  mutating func learn(_ name: String, at endpoint: Endpoint) -> ClusterID {
    let current = byEndpoint[endpoint].map(root)
    if let current, names[Int(current)] == name { return current }
    if let current, isProvisional[Int(current)], byName[name] == nil {
      byName[names[Int(current)]] = nil
      names[Int(current)] = name
      byName[name] = current
      isProvisional[Int(current)] = false
      return current
    }
    // In two steps: `root` would look into the table as it was before the name was added.
    let added = named(name, provisional: false)
    let id = root(added)
    // What was known by an address alone is the one of that name.
    if let current, current != id, isProvisional[Int(current)] { return unite(current, with: id) }
    if current != nil || byEndpoint.count < Self.bound { byEndpoint[endpoint] = id }
    return id
  }

  /// The cluster of an earlier run, with the addresses of its brokers: who joins a connection midway sees no name.
  mutating func remember(_ name: String, addresses: [String]) -> ClusterID {
    let id = named(name, provisional: addresses.contains(name))
    for address in addresses where byEndpoint.count < Self.bound {
      if let endpoint = Endpoint(address) { byEndpoint[endpoint] = id }
    }
    return id
  }

  /// A client dialled `address`, and its packets go to the broker at `server` (NAT, a Kubernetes service). Both are one
  /// cluster's, unless each has told another name: a connection joined midway is known by either address, depending on
  /// which direction was seen first.
  mutating func note(dialled address: Endpoint, for server: Endpoint) {
    if dialled.count < Self.bound || dialled[address] != nil { dialled[address] = server }
    switch (byEndpoint[address].map(root), byEndpoint[server].map(root)) {
    case (let known?, nil): if byEndpoint.count < Self.bound { byEndpoint[server] = known }
    case (nil, let known?): if byEndpoint.count < Self.bound { byEndpoint[address] = known }
    case (let one?, let other?) where one != other: uniteProvisional(one, other)
    default: break
    }
  }

  /// The one that told its name stays; of two that told none the older.
  private mutating func uniteProvisional(_ one: ClusterID, _ other: ClusterID) {
    switch (isProvisional[Int(one)], isProvisional[Int(other)]) {
    case (true, true): _ = unite(max(one, other), with: min(one, other))
    case (true, false): _ = unite(one, with: other)
    case (false, true): _ = unite(other, with: one)
    case (false, false): break
    }
  }

  /// Addresses of its brokers, also as clients dial them, those of an earlier run among them.
  func endpoints(of id: ClusterID) -> [Endpoint] {
    let known = byEndpoint.filter { root($0.value) == root(id) }
    return known.map(\.key) + dialled.filter { known[$0.value] != nil && known[$0.key] == nil }.map(\.key)
  }

  /// The same as text, at most `most`.
  func addresses(of id: ClusterID, most: Int) -> [String] {
    Array(endpoints(of: id).map(\.description).sorted().prefix(most))
  }

  private mutating func named(_ name: String, provisional: Bool) -> ClusterID {
    if let known = byName[name] { return known }
    guard names.count < Self.bound else {
      overflowed += 1
      return ClusterID(names.count - 1)
    }
    names.append(name)
    roots.append(ClusterID(names.count - 1))
    isProvisional.append(provisional)
    byName[name] = ClusterID(names.count - 1)
    return ClusterID(names.count - 1)
  }
}
