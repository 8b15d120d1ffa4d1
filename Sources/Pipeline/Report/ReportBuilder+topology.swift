extension ReportBuilder {
  /// Who publishes where, who consumes what, where failures go.
  func topology() -> Report.Topology {
    var nodes: [String: String] = [:]
    var edges: [Edge: UInt64] = [:]
    func node(_ id: String, _ kind: String) -> String {
      nodes[id] = kind
      return id
    }
    func edge(_ from: String, _ to: String, _ kind: String, _ messages: UInt64) {
      if messages > 0 { edges[Edge(from: from, to: to, kind: kind), default: 0] += messages }
    }
    func destination(_ system: MessagingSystem, _ name: String) -> String {
      node("\(system.rawValue):\(name)", "destination")
    }
    let service = ledger.target
    for producer in ledger.producers.entries where producer.published > 0 {
      edge(
        node(service, "service"), destination(producer.system, producer.destination), "publishes", producer.published)
    }
    for group in ledger.groups {
      let id = node(group.key, "group")
      if group.partitions.isEmpty {
        for name in group.destinations { edge(destination(group.system, name), id, "consumes", group.totals.delivered) }
      }
      for partition in group.partitions {
        let name = group.destinations[Int(partition.destination)]
        edge(destination(group.system, name), id, "consumes", partition.totals.delivered)
      }
      for (index, messages) in group.copies {
        let producer = ledger.producers[index]
        let kind = producer.shownKind == .deadLetter ? "dead_letters" : "retries"
        edge(id, destination(producer.system, producer.destination), kind, messages)
      }
      if let target = group.deadLetterTarget {
        edge(id, destination(group.system, target), "dead_letters", group.totals.rejected + group.totals.exhausted)
      }
    }
    return Report.Topology(
      nodes: nodes.sorted { $0.key < $1.key }.map { .init(id: $0.key, kind: $0.value) },
      edges: edges.sorted { ($0.key.from, $0.key.to, $0.key.kind) < ($1.key.from, $1.key.to, $1.key.kind) }.map {
        .init(from: $0.key.from, to: $0.key.to, kind: $0.key.kind, messages: $0.value)
      })
  }

  private struct Edge: Hashable {
    var from: String
    var to: String
    var kind: String
  }
}
