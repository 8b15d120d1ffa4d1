import Foundation
import Testing
import Traces

@testable import Pipeline

/// What is told of single messages adds up to what is told of groups.
@Suite struct ExplanationTotalsTests {
  @Test(arguments: CaptureTests.names)
  func `the stories of a capture's messages add up to its totals`(name: String) throws {
    let reader = try TraceReader(paths: [Replayed.captures.appending(path: name + ".pcapng").path])
    var engine = Engine(settings: Settings(), target: name, origin: .replay)
    engine.keepJournal(limit: 1_000_000)
    reader.forEachSegment { segment, payload in
      engine.ingest(segment, payload)
      return true
    }
    engine.finish()
    let journal = try #require(engine.ledger.journal)
    var told: [String: Totals] = [:]
    for entry in journal.entries {
      let key = journal.groups[Int(entry.group)].key
      switch entry.what {
      case .delivered(_, _, _, _, let arrived):
        told[key, default: Totals()].delivered += 1
        if arrived.contains(.again) { told[key]?.redelivered += 1 }
        if arrived.contains(.duplicate) { told[key]?.duplicates += 1 }
      case .settled(let settlement): told[key, default: Totals()].count(settlement)
      case .revised(let before, let after):
        var taken = Totals()
        taken.count(before)
        told[key]?.subtract(taken)
        told[key, default: Totals()].count(after)
      case .withdrawn: told[key]?.delivered -= 1
      case .acknowledged, .copied, .inferred, .because, .moved, .returned: break
      }
    }
    let groups = engine.ledger.groups.filter { $0.totals.delivered > 0 }
    #expect(Set(told.keys).subtracting(groups.map(\.key)).allSatisfy { told[$0]?.delivered == 0 })
    for group in groups {
      let totals = try #require(told[group.key])
      #expect(totals.delivered == group.totals.delivered)
      #expect(totals.settled == group.totals.settled)
      #expect(
        [totals.acked, totals.requeued, totals.rejected, totals.deadLettered, totals.crashed]
          == [
            group.totals.acked, group.totals.requeued, group.totals.rejected, group.totals.deadLettered,
            group.totals.crashed,
          ])
      #expect(totals.duplicates <= group.totals.duplicates)
    }
    #expect(journal.dropped == 0)
    // Nothing else is told otherwise for it.
    #expect(engine.report().groups.map(\.totals) == (try Replayed(name)).report.groups.map(\.totals))
  }
}

extension Totals {
  fileprivate mutating func subtract(_ other: Totals) {
    acked -= other.acked
    requeued -= other.requeued
    rejected -= other.rejected
    deadLettered -= other.deadLettered
    crashed -= other.crashed
    abandoned -= other.abandoned
    expired -= other.expired
  }
}
