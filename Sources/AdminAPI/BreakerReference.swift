package import Pipeline

/// What names one breaker from outside: `key`, or `key@cluster` where several clusters have that key, and the target
/// where several targets consume it.
///
/// A key never contains a bare `@` (each of its parts is percent-encoded), so the first `@` begins the cluster.
package struct BreakerReference: Equatable, Sendable {
  package var key: String
  package var cluster: String?
  package var target: String?

  package init(key: String, cluster: String? = nil, target: String? = nil) {
    self.key = key
    self.cluster = cluster
    self.target = target
  }

  /// Reads `key` or `key@cluster`.
  package init(_ text: some StringProtocol, target: String? = nil) {
    if let at = text.firstIndex(of: "@") {
      self.init(key: String(text[..<at]), cluster: String(text[text.index(after: at)...]), target: target)
    } else {
      self.init(key: String(text), target: target)
    }
  }

  /// `key` or `key@cluster`, as a person writes it.
  package var name: String { cluster.map { "\(key)@\($0)" } ?? key }

  /// The same for lists of several: with the target, where that is needed to tell them apart.
  package var label: String { target.map { "\(name) (target \($0))" } ?? name }

  /// The absolute path that leads to it: the key (with its cluster) percent-encoded once more.
  package var href: String {
    let path = Self.path + PercentEncoding.encode(name)
    return target.map { "\(path)?target=\(PercentEncoding.encode($0))" } ?? path
  }

  /// Reads what `href` gives; nil for another path.
  package init?(href: String) {
    let path = href.prefix { $0 != "?" }
    let query = href.dropFirst(path.count)
    guard path.hasPrefix(Self.path), let name = PercentEncoding.decode(path.dropFirst(Self.path.count)) else {
      return nil
    }
    let target = query.hasPrefix("?target=") ? PercentEncoding.decode(query.dropFirst("?target=".count)) : nil
    self.init(name, target: target)
  }

  /// The words by which a command of fusectl names it, quoted for a shell.
  package var words: String {
    func quoted(_ text: String) -> String {
      let isPlain = text.utf8.allSatisfy {
        $0 >= 0x30 && $0 <= 0x39 || $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a || "%+,-./:=@_~".utf8.contains($0)
      }
      if isPlain, !text.isEmpty { return text }
      return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
    return quoted(name) + (target.map { " --target \(quoted($0))" } ?? "")
  }

  /// The path of the list, and with a `/` of each breaker under it.
  package static let path = "/v1/breakers/"

  package enum Resolution: Equatable, Sendable {
    /// Index of the group it names.
    case one(Int)
    /// Indices of all the groups it may mean.
    case several([Int])
    case none
  }

  package func resolve(in groups: [Report.Group]) -> Resolution {
    let found = groups.indices.filter { matches(groups[$0]) }
    return found.count == 1 ? .one(found[0]) : found.isEmpty ? .none : .several(found)
  }

  private func matches(_ group: Report.Group) -> Bool {
    group.key == key && (cluster == nil || cluster == group.cluster) && (target == nil || target == group.target)
  }

  /// The shortest reference that is unambiguous among `groups` for each of them, in the same order. One pass to count,
  /// one to answer.
  package static func shortest(for groups: [Report.Group]) -> [BreakerReference] {
    var keys: [String: Int] = [:]
    var keysInClusters: [BreakerReference: Int] = [:]
    for group in groups {
      keys[group.key, default: 0] += 1
      keysInClusters[BreakerReference(key: group.key, cluster: group.cluster), default: 0] += 1
    }
    return groups.map { group in
      if keys[group.key] == 1 { return BreakerReference(key: group.key) }
      let inCluster = BreakerReference(key: group.key, cluster: group.cluster)
      if keysInClusters[inCluster] == 1 { return inCluster }
      return BreakerReference(key: group.key, cluster: group.cluster, target: group.target)
    }
  }
}

extension BreakerReference: Hashable {}

extension Report {
  /// The same with hrefs of which each leads to its one group: with cluster and target where the key alone is ambiguous
  /// among the groups of `all`, or of this report.
  package func addressed(among all: [Group]? = nil) -> Report {
    let all = all ?? groups
    var hrefs: [BreakerReference: String] = [:]
    for (group, reference) in zip(all, BreakerReference.shortest(for: all)) {
      hrefs[BreakerReference(key: group.key, cluster: group.cluster, target: group.target)] = reference.href
    }
    var report = self
    for i in report.groups.indices {
      let group = report.groups[i]
      let full = BreakerReference(key: group.key, cluster: group.cluster, target: group.target)
      report.groups[i].href = hrefs[full] ?? full.href
    }
    return report
  }
}
