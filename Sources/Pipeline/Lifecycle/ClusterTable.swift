/// Index of a cluster in the `ClusterTable`.
typealias ClusterID = Int32

/// Which brokers there are: by the name that the broker tells, else the configured name, else the address.
///
/// A name that is learned later renames the cluster that was known by its address. At most `bound` clusters; what comes
/// after shares the last one, counted in `overflowed`.
struct ClusterTable {
  private(set) var names: [String] = []
  private(set) var overflowed: UInt64 = 0
  private var byEndpoint: [Endpoint: ClusterID] = [:]
  private var byName: [String: ClusterID] = [:]
  private var isProvisional: [Bool] = []
  private let configured: String?
  private static let bound = 4096

  init(configured: String?) { self.configured = configured }

  /// The cluster that the broker at `endpoint` belongs to, by address until it has told its name.
  mutating func cluster(at endpoint: Endpoint) -> ClusterID {
    if let known = byEndpoint[endpoint] { return known }
    let id = configured.map { named($0, provisional: false) } ?? named(endpoint.description, provisional: true)
    if byEndpoint.count < Self.bound { byEndpoint[endpoint] = id }
    return id
  }

  /// The same; a broker of which nothing is known yet is taken for one of `other`, if there is one: a process's other
  /// connections lead to brokers of the same cluster, unless they say otherwise.
  mutating func cluster(at endpoint: Endpoint, like other: ClusterID?) -> ClusterID {
    guard let other, byEndpoint[endpoint] == nil else {
      return cluster(at: endpoint)
    }
    if byEndpoint.count < Self.bound { byEndpoint[endpoint] = other }
    return other
  }

  /// The broker at `endpoint` says it belongs to the cluster `name`.
  mutating func learn(_ name: String, at endpoint: Endpoint) -> ClusterID {
    let current = byEndpoint[endpoint]
    if let current, names[Int(current)] == name { return current }
    if let current, isProvisional[Int(current)], byName[name] == nil {
      byName[names[Int(current)]] = nil
      names[Int(current)] = name
      byName[name] = current
      isProvisional[Int(current)] = false
      return current
    }
    let id = named(name, provisional: false)
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

  /// Addresses of its brokers, those of an earlier run among them.
  func endpoints(of id: ClusterID) -> [Endpoint] { byEndpoint.filter { $0.value == id }.map(\.key) }

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
    isProvisional.append(provisional)
    byName[name] = ClusterID(names.count - 1)
    return ClusterID(names.count - 1)
  }
}
