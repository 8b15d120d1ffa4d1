#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
package import Pipeline

/// Everything that outlives the process, at one moment: states, overrides, revisions and openings of all breakers.
package struct Snapshot: Equatable, Sendable, Encodable {
  package private(set) var schema = Snapshot.schema
  /// Counts what was saved in this directory, from 1; given by `StateDirectory.save`.
  package internal(set) var generation: UInt64 = 0
  /// Nanoseconds since 1970.
  package var written_at_ns: Int64
  package var breakers: [BreakerMemory]

  package static let schema = "stormfuse.state/1"

  package init(at now: Timestamp, breakers: [BreakerMemory]) {
    written_at_ns = now.ns
    self.breakers = breakers
  }
}

/// A snapshot as it is read: by a version that may be older or newer than the one that wrote it. Unknown keys are
/// skipped. A breaker that can't be understood (a state this version does not know) is left out and named, as is a single
/// transition of one that can; the rest stays.
struct ReadSnapshot: Decodable {
  var snapshot: Snapshot
  var notices = [String]()

  private enum Keys: String, CodingKey { case schema, generation, written_at_ns, breakers }

  /// Written by a version whose schema is not ours.
  struct OtherSchema: Error { var schema: String }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let schema = try container.decode(String.self, forKey: .schema)
    guard schema == Snapshot.schema else { throw OtherSchema(schema: schema) }
    snapshot = Snapshot(at: Timestamp(ns: try container.decode(Int64.self, forKey: .written_at_ns)), breakers: [])
    snapshot.generation = try container.decode(UInt64.self, forKey: .generation)
    for (index, entry) in try container.decode([Readable<ReadBreaker>].self, forKey: .breakers).enumerated() {
      switch entry {
      case .value(let breaker):
        snapshot.breakers.append(breaker.memory)
        if breaker.unreadTransitions > 0 {
          notices.append(
            "\(breaker.unreadTransitions) transitions of breaker \(breaker.memory.key) can't be read by this version: "
              + "they are left out, the breaker's state is kept")
        }
      case .unreadable(let key):
        notices.append(
          "breaker \(key ?? "number \(index + 1)") in the saved state can't be read by this version: it begins closed")
      }
    }
  }
}

/// An entry that does not fail the whole.
private enum Readable<Value: Decodable>: Decodable {
  case value(Value)
  case unreadable(key: String?)

  private struct Named: Decodable { var key: String }

  init(from decoder: any Decoder) {
    if let value = try? Value(from: decoder) {
      self = .value(value)
    } else {
      self = .unreadable(key: (try? Named(from: decoder))?.key)
    }
  }
}

/// `BreakerMemory`, with transitions that may be unreadable one by one.
private struct ReadBreaker: Decodable {
  var memory: BreakerMemory
  var unreadTransitions: Int

  private enum Keys: String, CodingKey {
    case key, cluster, addresses, system, group, destination, state, revision, since_ns, until, episode_end,
      closed_since_ns
    case openings, is_armed, note, transitions
  }

  init(from decoder: any Decoder) throws {
    let entry = try decoder.container(keyedBy: Keys.self)
    let list = try entry.decode([Readable<Report.TransitionReport>].self, forKey: .transitions)
    let transitions = list.compactMap { if case .value(let transition) = $0 { transition } else { nil } }
    unreadTransitions = list.count - transitions.count
    let system = try entry.decode(MessagingSystem.self, forKey: .system)
    guard MessagingSystem.decoded.contains(system) else {
      throw DecodingError.dataCorruptedError(
        forKey: .system, in: entry, debugDescription: "no system of that name is known: \(system.rawValue)")
    }
    memory = BreakerMemory(
      key: try entry.decode(String.self, forKey: .key), cluster: try entry.decode(String.self, forKey: .cluster),
      addresses: try entry.decodeIfPresent([String].self, forKey: .addresses) ?? [],
      system: system,
      group: try entry.decode(String.self, forKey: .group),
      destination: try entry.decode(String.self, forKey: .destination),
      state: try entry.decode(BreakerState.self, forKey: .state),
      revision: try entry.decode(UInt64.self, forKey: .revision),
      since_ns: try entry.decode(Int64.self, forKey: .since_ns),
      until: try entry.decodeIfPresent(BreakerMemory.Deadline.self, forKey: .until),
      episode_end: try entry.decodeIfPresent(BreakerMemory.Deadline.self, forKey: .episode_end),
      closed_since_ns: try entry.decode(Int64.self, forKey: .closed_since_ns),
      openings: try entry.decode(Int.self, forKey: .openings), is_armed: try entry.decode(Bool.self, forKey: .is_armed),
      note: try entry.decodeIfPresent(OperatorNote.self, forKey: .note), transitions: transitions)
  }
}
