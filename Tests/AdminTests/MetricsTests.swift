import AdminAPI
import Pipeline
import Testing

@testable import Admin

@Suite struct MetricsTests {
  private func text(_ groups: [Report.Group]) -> String {
    let input = MetricsInput(
      targets: [.init(name: "pid:42", report: Sample.report(groups))],
      process: .init(residentMemory_bytes: 1024, processor_s: 0.25),
      exports: [ExportCounters(name: "webhook")])
    return String(decoding: Metrics.text(input, version: "1.2.3"), as: UTF8.self)
  }

  @Test(arguments: [
    #"stormfuse_build_info{version="1.2.3"} 1"#,
    #"stormfuse_capture_segments_total{target="pid:42"} 1234"#,
    #"stormfuse_capture_lost_bytes_total{target="pid:42",cause="ring_full"} 20"#,
    #"stormfuse_capture_lost_bytes_total{target="pid:42",cause="unknown"} 10"#,
    #"stormfuse_capture_undecoded_connections{target="pid:42",reason="tls"} 1"#,
    #"stormfuse_deliveries_total{GROUP} 132"#,
    #"stormfuse_settlements_total{GROUP,settlement="acked"} 12"#,
    #"stormfuse_settlements_total{GROUP,settlement="requeued"} 96"#,
    #"stormfuse_settlements_total{GROUP,settlement="rejected"} 20"#,
    #"stormfuse_settlements_total{GROUP,settlement="expired"} 0"#,
    #"stormfuse_in_flight_messages{GROUP} 4"#,
    #"stormfuse_oldest_in_flight_seconds{GROUP} 1.5"#,
    #"stormfuse_error_ratio{GROUP} 0.906"#,
    #"stormfuse_attempts_p95{GROUP} 6"#,
    #"stormfuse_consumption_delay_seconds_bucket{GROUP,le="0.1"} 0"#,
    #"stormfuse_consumption_delay_seconds_bucket{GROUP,le="0.5"} 1"#,
    #"stormfuse_consumption_delay_seconds_bucket{GROUP,le="60"} 2"#,
    #"stormfuse_consumption_delay_seconds_bucket{GROUP,le="+Inf"} 4"#,
    #"stormfuse_consumption_delay_seconds_count{GROUP} 4"#,
    #"stormfuse_condition_value{GROUP,condition="error_rate",scope="group",unit="ratio"} 0.412"#,
    #"stormfuse_condition_threshold{GROUP,condition="error_rate",scope="group",unit="ratio"} 0.05"#,
    #"stormfuse_coverage_ratio{GROUP} 1"#,
    #"stormfuse_breaker_state{GROUP,state="open"} 1"#,
    #"stormfuse_breaker_state{GROUP,state="closed"} 0"#,
    #"stormfuse_breaker_transitions_total{GROUP,cause="rule"} 3"#,
    #"stormfuse_breaker_transitions_total{GROUP,cause="open_time_elapsed"} 2"#,
    #"stormfuse_breaker_transitions_total{GROUP,cause="trip"} 0"#,
    #"stormfuse_group_destination_info{GROUP,destination="orders"} 1"#,
    #"stormfuse_verdict{GROUP,kind="storm"} 1"#,
    #"stormfuse_verdict{GROUP,kind="healthy"} 0"#,
    #"stormfuse_verdict{GROUP,kind="failing"} 0"#,
    #"stormfuse_published_messages_total{destination="orders",kind="normal",system="rabbitmq",target="pid:42"} 60"#,
    #"stormfuse_export_sent_total{export="webhook"} 0"#,
    #"process_resident_memory_bytes 1024"#,
    #"process_cpu_seconds_total 0.25"#,
  ])
  func `a group's numbers have their series`(line: String) {
    let labels =
      #"cluster="rabbit@one",group="orders",key="rabbitmq:%2F:orders",system="rabbitmq",target="pid:42""#
    let wanted = line.split(separator: "GROUP").joined(separator: labels)
    #expect(text([Sample.group()]).split(separator: "\n").contains(Substring(wanted)), "\(wanted)")
  }

  @Test func `a failing group's series say which conditions are unmet`() {
    let text = text([Sample.failingGroup()])
    for (condition, unit, met) in [("error_rate", "ratio", 1), ("retries", "1", 0), ("consumption_delay", "s", 0)] {
      let labels = "condition=\"\(condition)\",scope=\"group\",unit=\"\(unit)\"} \(met)\n"
      #expect(
        text.split(separator: "\n").contains { "\($0)\n".hasSuffix(labels) && $0.hasPrefix("stormfuse_condition_met{") }
      )
    }
    #expect(text.contains(#"kind="failing"} 1"#) && text.contains(#"kind="healthy"} 0"#))
  }

  @Test func `settlements and in flight add up to the deliveries`() {
    let lines = text([Sample.group()]).split(separator: "\n")
    func sum(_ prefix: String) -> Int {
      lines.filter { $0.hasPrefix(prefix + "{") }.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        .reduce(0, +)
    }
    #expect(
      sum("stormfuse_deliveries_total") == sum("stormfuse_settlements_total") + sum("stormfuse_in_flight_messages"))
  }

  @Test func `a group that consumes one more destination keeps its series`() {
    func series(_ group: Report.Group) -> Set<Substring> {
      let lines = text([group]).split(separator: "\n").filter { !$0.hasPrefix("#") }
      return Set(lines.compactMap { $0.split(separator: " ").first })
    }
    var more = Sample.group()
    let before = series(more)
    more.destinations.append("payments")
    #expect(before.isSubset(of: series(more)))
  }

  @Test func `transitions that the report no longer lists still count`() {
    var later = Sample.group()
    later.breaker.transitions = []
    #expect(text([later]).contains(#"cause="rule"} 3"#))
  }

  @Test func `what has no value has no series`() {
    let text = text([Sample.group()])
    #expect(!text.contains("\nstormfuse_lag_messages{") && text.contains("# TYPE stormfuse_lag_messages gauge"))
    #expect(!text.contains("\nstormfuse_retry_latency_seconds_"))
  }

  @Test func `names from the wire are escaped and nothing is declared or said twice`() {
    var strange = Sample.group("rabbitmq:%2F:x")
    strange.destinations = ["a\"b\\c\nd}", "é🐇"]
    let lines = text([Sample.group(), strange]).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.last == "" && lines.dropLast().allSatisfy { !$0.isEmpty })
    #expect(lines.contains { $0.contains(#"destination="a\"b\\c\nd}""#) })
    #expect(lines.contains { $0.contains(#"destination="é🐇""#) })
    let declared = lines.filter { $0.hasPrefix("# TYPE ") }
    #expect(Set(declared).count == declared.count)
    let series = lines.filter { !$0.hasPrefix("#") && !$0.isEmpty }.map {
      $0[..<($0.lastIndex(of: " ") ?? $0.endIndex)]
    }
    #expect(Set(series).count == series.count)
  }

  @Test func `past the bound the busiest groups and every open breaker stay, and the rest is counted`() {
    let groups = (0..<600).map { index in
      var group = Sample.group("rabbitmq:%2F:q\(index)", verdict: .healthy, state: index == 7 ? .open : .closed)
      group.totals.delivered = UInt64(index)
      return group
    }
    let text = text(groups)
    #expect(text.contains("\nstormfuse_groups{target=\"pid:42\"} 600\n"))
    #expect(text.contains("\nstormfuse_groups_omitted 100\n"))
    #expect(
      text.contains("rabbitmq:%2F:q7\"") && text.contains("rabbitmq:%2F:q599\"") && !text.contains("rabbitmq:%2F:q50\"")
    )
  }

  @Test func `each target has its own series`() {
    let targets = ["one", "two"].map { name in
      MetricsInput.Target(name: name, report: Sample.report([Sample.group(target: name)]))
    }
    let text = String(decoding: Metrics.text(MetricsInput(targets: targets), version: "1"), as: UTF8.self)
    for name in ["one", "two"] {
      #expect(text.contains("\nstormfuse_capture_bytes_total{target=\"\(name)\"} 567890\n"))
      #expect(text.contains("system=\"rabbitmq\",target=\"\(name)\"} 132\n"))
    }
    let declared = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
    #expect(Set(declared).count == declared.count)
  }

  @Test func `the own process is measured`() {
    let process = ProcessStatistics.current()
    #expect(process.processor_s ?? 0 > 0)
    #if os(Linux)
      #expect(process.residentMemory_bytes ?? 0 > 1 << 20)
    #endif
  }
}
