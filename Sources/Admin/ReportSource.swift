package import AdminAPI
package import Pipeline

/// Where the API gets what it shows. Called from any thread, once for each request, so each answer should be a copy of an
/// immutable snapshot: nothing that waits for the engine.
package protocol ReportSource: Sendable {
  /// The whole run as it stands.
  func report() -> Report
  /// What the metrics need, the report included.
  func metrics() -> MetricsInput
  /// Whether the sidecar sees what it was pointed at.
  func readiness() -> Readiness
}

/// What `GET /metrics` is made of.
package struct MetricsInput: Sendable {
  package var targets: [Target]
  /// Of the sidecar itself.
  package var process: ProcessStatistics
  package var exports: [ExportCounters]
  /// What else there is to count: commands, holding, ….
  package var families: [MetricFamily]

  /// One engine's report.
  package struct Target: Sendable {
    package var name: String
    package var report: Report

    package init(name: String, report: Report) {
      self.name = name
      self.report = report
    }
  }

  package init(
    targets: [Target], process: ProcessStatistics = .current(), exports: [ExportCounters] = [],
    families: [MetricFamily] = []
  ) {
    self.families = families
    self.targets = targets
    self.process = process
    self.exports = exports
  }
}
