internal import Glibc

/// Prints nanoseconds for each update of one group's windows and breaker, one line of JSON for each run.
///
///     update RUNS
///
/// An update is what the ledger does with a settled delivery: timers, windows, breaker, and judging when a failure calls
/// for it. Time goes on by 100 µs for each, so that the group is judged every thousandth, as in a run of 10,000 messages a
/// second. Outcomes are made beforehand; a group lies in a class instance, as the pipeline's own does.
@main
struct Update {
  static func main() {
    let runs = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 5
    for _ in 0..<runs {
      let mixed = measure(failures_percent: 2)
      let healthy = measure(failures_percent: 0)
      print(#"{"mixed_ns":\#(mixed),"acks_ns":\#(healthy)}"#)
    }
  }

  private static func measure(failures_percent: Int) -> Double {
    let start = Timestamp(ns: 1_800_000_000_000_000_000)
    let outcomes = outcomes(failures_percent: failures_percent, at: start)
    let group = Watched(at: start)
    var now = start
    var moved = run(group, outcomes, rounds: 10, &now)  // fills the window
    let before_ns = cpuTime_ns()
    moved += run(group, outcomes, rounds: rounds, &now)
    let spent_ns = cpuTime_ns() - before_ns
    precondition(moved == 0, "a healthy group opened")
    return Double(spent_ns) / Double(rounds * outcomes.count)
  }

  /// Of this thread, so that what others do on the machine meanwhile does not count.
  private static func cpuTime_ns() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }

  @inline(never)
  private static func run(_ group: Watched, _ outcomes: [Outcome], rounds: Int, _ now: inout Timestamp) -> Int {
    var moved = 0
    var evaluation = now + .milliseconds(100)
    for _ in 0..<rounds {
      for outcome in outcomes {
        now = now + Self.step_ns
        if now >= evaluation {
          if group.monitor.tick(at: now, context: JudgeContext()) != nil { moved += 1 }
          evaluation = now + .milliseconds(100)
        }
        if group.monitor.nextDeadline <= now { moved += 1 }
        if group.monitor.record(outcome, at: now) { moved += 1 }
        if group.monitor.needsJudging, group.monitor.judge(at: now, context: JudgeContext()) != nil { moved += 1 }
      }
    }
    return moved
  }

  private static func outcomes(failures_percent: Int, at start: Timestamp) -> [Outcome] {
    var random = SplitMix64(seed: 1)
    return (0..<65_536).map { _ in
      let fails = Int(random.next() % 100) < failures_percent
      return Outcome(
        settlement: fails ? .requeued : .acked, attempt: 1, delay_ns: Int64(random.next() % 2_000_000_000),
        settleLatency_ns: Int64(random.next() % 20_000_000), message: random.next(), deliveredAt: start)
    }
  }

  private static let rounds = 60
  private static let step_ns: Int64 = 100_000
}

/// A group as far as this is concerned.
final class Watched {
  var monitor: GroupMonitor
  init(at now: Timestamp) {
    monitor = GroupMonitor(settings: ResolvedSettings(), key: "rabbitmq:%2F:orders", at: now)
  }
}
