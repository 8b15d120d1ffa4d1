internal import Pipeline

/// The format itself: families with help and type, samples with escaped labels.
struct MetricsText {
  private(set) var bytes: [UInt8] = []
  private var name = ""

  mutating func family(_ name: String, _ type: String, _ help: String) {
    self.name = name
    bytes += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n".utf8
  }

  /// A sample of the last family; `labels` is what `labels(_:)` made.
  mutating func sample(_ value: Double, in labels: String = "", _ label: String? = nil, _ content: String = "") {
    sample(value, suffix: "", in: labels, label, content)
  }

  private mutating func sample(
    _ value: Double, suffix: String, in labels: String, _ label: String? = nil, _ content: String = ""
  ) {
    bytes += name.utf8
    bytes += suffix.utf8
    let own = label.map { Self.labels([($0, content)]) } ?? ""
    if !labels.isEmpty || !own.isEmpty {
      bytes.append(UInt8(ascii: "{"))
      bytes += labels.utf8
      if !labels.isEmpty, !own.isEmpty { bytes.append(UInt8(ascii: ",")) }
      bytes += own.utf8
      bytes.append(UInt8(ascii: "}"))
    }
    bytes += " \(Self.number(value))\n".utf8
  }

  mutating func sample(_ value: Double, _ label: String, _ content: String) {
    sample(value, in: "", label, content)
  }

  /// The series of a histogram of the last family; none without samples.
  mutating func histogram(_ histogram: CumulativeHistogram, in labels: String) {
    guard histogram.count > 0 else { return }
    for (bound_s, count) in zip(CumulativeHistogram.bounds_s, histogram.counts) {
      sample(Double(count), suffix: "_bucket", in: labels, "le", Self.number(bound_s))
    }
    sample(Double(histogram.count), suffix: "_bucket", in: labels, "le", "+Inf")
    sample(histogram.sum_s, suffix: "_sum", in: labels)
    sample(Double(histogram.count), suffix: "_count", in: labels)
  }

  /// `name="content",…` with backslash, quote and line feed escaped.
  static func labels(_ labels: [(String, String)]) -> String {
    var out = ""
    for (name, content) in labels {
      out += out.isEmpty ? "" : ","
      out += name + "=\""
      for scalar in content.unicodeScalars {
        switch scalar {
        case "\\": out += "\\\\"
        case "\"": out += "\\\""
        case "\n": out += "\\n"
        default: out.unicodeScalars.append(scalar)
        }
      }
      out += "\""
    }
    return out
  }

  /// Whole numbers without a fraction; the format's own names for what is not finite.
  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 9e15 ? "\(Int64(value))" : "\(value)"
  }
}
