import Foundation
import Pipeline
import Testing

@testable import State

struct KillTests {
  /// Kills a child that saves without pause, at random moments, and looks at what it left.
  @Test("after each of 200 SIGKILLs everything that was answered is there, or newer", .timeLimit(.minutes(10)))
  func kills() throws {
    let scratch = Scratch()
    var answered = 0
    var audited = 0
    for round in 1...200 {
      let child = try Child(.save, scratch.state)
      // Some die before or at their first save.
      if round % 8 == 0 {
        usleep(.random(in: 0...60_000))
      } else {
        _ = try #require(child.line("saved "))
        usleep(.random(in: 0...30_000))
      }
      let (_, output) = child.end(killing: true)
      #expect(!output.contains("failed"), "\(output.suffix(500))")
      answered = max(answered, child.lines("saved ").compactMap { Int($0.dropFirst(6)) }.max() ?? 0)
      guard answered > 0 || FileManager.default.fileExists(atPath: scratch.state) else { continue }
      let directory = try StateDirectory(path: scratch.state)
      let loaded = directory.load(at: .distantFuture)
      #expect(loaded.notices.isEmpty, "\(loaded.notices)")
      let number = loaded.snapshot.map(Sample.number) ?? 0
      #expect(number >= answered, "round \(round)")
      if let snapshot = loaded.snapshot {
        #expect(snapshot.breakers == Sample.snapshot(number, breakers: number % 17).breakers)
      }
      // Of every answered one there is a line, and every line but one that a kill tore is whole.
      _ = AuditLog(in: directory)
      let audit = scratch.bytes("audit.jsonl")
      let lines = audit.dropFirst(audited).split(separator: 10)
      audited = audit.count
      let entries = lines.compactMap { try? JSONDecoder().decode(AuditEntry.self, from: Data($0)) }
      #expect(lines.count - entries.count <= 1)
      let own = child.lines("saved ").compactMap { UInt64($0.dropFirst(6)) }
      #expect(Set(own).isSubset(of: entries.map(\.revision)))
    }
    #expect(answered > 200)
    #expect(!scratch.names().contains { $0.contains("broken") })
  }
}
