/// Samples of one metric that only the caller knows about.
package struct MetricFamily: Equatable, Sendable {
  /// As exposed: `stormfuse_…`, counters with `_total`.
  package var name: String
  package var kind: Kind
  package var help: String
  /// The first 500 are shown.
  package var samples: [Sample]

  package enum Kind: String, Sendable { case counter, gauge }

  package struct Sample: Equatable, Sendable {
    package var labels: [Label]
    package var value: Double
    package init(_ value: Double, labels: [Label] = []) {
      self.labels = labels
      self.value = value
    }
  }

  package struct Label: Equatable, Sendable {
    package var name: String
    package var value: String
    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package init(name: String, kind: Kind, help: String, samples: [Sample]) {
    self.name = name
    self.kind = kind
    self.help = help
    self.samples = samples
  }
}
