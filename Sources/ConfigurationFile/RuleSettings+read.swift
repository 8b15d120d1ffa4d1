internal import Pipeline
internal import Yams

extension RuleSettings {
  /// `rules:`, at the top level or of a group. A rule is switched with `on` or `off`, or given as a mapping, which
  /// switches it on.
  mutating func read(_ node: Node, _ path: String, _ reader: Reader) {
    reader.object(node, path) { rules in
      rules.rule("dead-letter-storm", &deadLetterStorm, \.enabled) { $0.read(&$1) }
      rules.rule("dead-letter-flood", &deadLetterFlood, \.enabled) { $0.read(&$1) }
      rules.rule("slow-partition", &slowPartition, \.enabled) { $0.read(&$1) }
      rules.rule("crash-loop", &crashLoop, \.enabled) { $0.read(&$1) }
      rules.rule("stalled", &stalled, \.enabled) { $0.read(&$1) }
      rules.share("min_coverage", &minCoverage, in: Bounds.coverage)
      if let mark = rules.mark("evaluation"), path != "rules" {
        _ = rules.take("evaluation")
        reader.refuse(mark, "\(path).evaluation: all groups are judged at once: write it in the file's own rules")
      } else {
        rules.duration("evaluation", &evaluation_ns, in: Bounds.evaluation_ns)
      }
    }
  }
}

extension ObjectReader {
  fileprivate mutating func rule<Rule>(
    _ name: String, _ rule: inout Rule, _ enabled: WritableKeyPath<Rule, Bool>,
    read: (inout ObjectReader, inout Rule) -> Void
  ) {
    guard let node = take(name) else { return }
    if let flag = Reader.flag(node) {
      rule[keyPath: enabled] = flag
    } else if case .scalar = node {
      reader.refuse(
        node.mark, "\(path(of: name)) must be on, off or a mapping of its thresholds, not \(Reader.kind(node))")
    } else {
      rule[keyPath: enabled] = true
      reader.object(node, path(of: name)) { read(&$0, &rule) }
    }
  }

  fileprivate mutating func read(_ rule: inout DeadLetterStormSettings) {
    rate("error_rate", &rule.errorRate)
    number("retries", &rule.retries, in: Bounds.retries)
    duration("consumption_delay", &rule.consumptionDelay_ns, in: 0...Bounds.wait_ns.upperBound)
    count("min_settlements", &rule.minSettlements, in: Bounds.samples)
    duration("window", &rule.window_ns, in: Bounds.window_ns)
  }

  fileprivate mutating func read(_ rule: inout DeadLetterFloodSettings) {
    rate("dead_letter_rate", &rule.deadLetterRate)
    count("min_settlements", &rule.minSettlements, in: Bounds.samples)
    count("min_distinct", &rule.minDistinct, in: Bounds.samples)
    duration("window", &rule.window_ns, in: Bounds.window_ns)
  }

  fileprivate mutating func read(_ rule: inout SlowPartitionSettings) {
    count("failures", &rule.failures, in: 0...1_000_000)
    duration("settle_latency", &rule.settleLatency_ns, in: 0...Bounds.wait_ns.upperBound)
    count("min_settlements", &rule.minSettlements, in: Bounds.samples)
    duration("window", &rule.window_ns, in: Bounds.window_ns)
  }

  fileprivate mutating func read(_ rule: inout CrashLoopSettings) {
    count("crashes", &rule.crashes, in: 2...64)
    duration("within", &rule.within_ns, in: Bounds.wait_ns)
    count("acks", &rule.acks, in: 1...1_000_000)
  }

  fileprivate mutating func read(_ rule: inout StalledSettings) {
    duration("minimum", &rule.minimum_ns, in: Bounds.wait_ns)
    number("gap_factor", &rule.gapFactor, in: 1...1000)
    duration("history", &rule.history_ns, in: Bounds.wait_ns)
    duration("unknown", &rule.unknown_ns, in: Bounds.wait_ns)
    order(("minimum", rule.minimum_ns), atMost: ("history", rule.history_ns), "make history several times minimum")
  }

  /// A share that is met above it.
  private mutating func rate(_ name: String, _ value: inout Double) {
    share(name, &value)
    guard value == 1, let mark = mark(name) else { return }
    reader.refuse(
      mark,
      "\(self.path(of: name)) is 1, which no share is above: the rule would never trip; to switch it off, write "
        + "\(path.split(separator: ".").last ?? ""): off")
  }
}
