import Pipeline
import Testing

@testable import Kernel

@Suite struct LossWatchTests {
  private let second_ns: Int64 = 1_000_000_000

  @Test func `what is lost is told while it grows and ten seconds beyond`() {
    var watch = LossWatch()
    var statistics = Capture.Statistics()
    let atFirst = watch.look(statistics, now_ns: 0)
    #expect(atFirst == nil)
    statistics.undecided = 3
    statistics.lost[.tableFull] = .init(segments: 2, bytes: 0)
    let told = watch.look(statistics, now_ns: second_ns) ?? ""
    #expect(told.hasPrefix("traffic is being lost: 2 new connections found no room"))
    #expect(told.contains("; 3 segments were not handed on"))
    statistics.undecided = 4
    let later = watch.look(statistics, now_ns: 9 * second_ns) ?? ""
    #expect(later.contains("; 4 segments were not handed on"))
    // Each kind by itself.
    let rest = watch.look(statistics, now_ns: 12 * second_ns) ?? ""
    #expect(!rest.contains("new connections") && rest.contains("4 segments"))
    let afterwards = watch.look(statistics, now_ns: 20 * second_ns)
    #expect(afterwards == nil)
    statistics.untracked = 1
    let again = watch.look(statistics, now_ns: 21 * second_ns) ?? ""
    #expect(again.contains("1 segments of connections"))
  }
}
