internal import AdminAPI
internal import Yams

/// One mapping while it is read. Each method names a key, reads it if it is there, and leaves the value as it was if it
/// is not.
struct ObjectReader {
  let reader: Reader
  let path: String
  var pairs: [(name: String, mark: Mark?, node: Node)] = []
  var known: Set<String> = []

  /// The value of a key, which is known from then on.
  mutating func take(_ name: String) -> Node? {
    known.insert(name)
    return pairs.first { $0.name == name }?.node
  }

  func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  mutating func text(_ name: String) -> String? {
    take(name).flatMap { reader.text($0, path(of: name)) }
  }

  mutating func texts(_ name: String) -> [String]? {
    guard let node = take(name) else { return nil }
    return reader.list(node, path(of: name)).enumerated().compactMap {
      reader.text($0.element, "\(path(of: name))[\($0.offset)]")
    }
  }

  mutating func flag(_ name: String, _ value: inout Bool) {
    guard let node = take(name) else { return }
    if let flag = Reader.flag(node) {
      value = flag
    } else {
      reader.refuse(node.mark, "\(path(of: name)) must be on or off, not \(Reader.kind(node))")
    }
  }

  /// One of a set of words.
  mutating func word<Word: RawRepresentable & CaseIterable>(_ name: String, _: Word.Type) -> Word?
  where Word.RawValue == String {
    guard let node = take(name), let scalar = reader.scalar(node, path(of: name), "a word") else { return nil }
    if let word = Word(rawValue: scalar.string) { return word }
    let words = Word.allCases.map(\.rawValue)
    let nearest = NearestNames.of(scalar.string, among: words, limit: 1).first.map { ": did you mean \($0)?" } ?? ""
    reader.refuse(
      node.mark,
      "\(path(of: name)) must be \(words.joined(separator: " or ")), not \(Reader.kind(node))\(nearest)")
    return nil
  }

  mutating func duration(_ name: String, _ value: inout Int64, in range: ClosedRange<Int64>) {
    guard let read: Int64 = quantity(name, Quantity.duration_ns, in: range, show: Quantity.durationText) else { return }
    value = read
  }

  mutating func duration(_ name: String, _ value: inout Int64?, in range: ClosedRange<Int64>) {
    guard let read: Int64 = quantity(name, Quantity.duration_ns, in: range, show: Quantity.durationText) else { return }
    value = read
  }

  mutating func bytes(_ name: String, _ value: inout Int, in range: ClosedRange<Int>) {
    guard let read: Int = quantity(name, Quantity.bytes, in: range, show: Quantity.bytesText) else { return }
    value = read
  }

  mutating func count(_ name: String, _ value: inout Int, in range: ClosedRange<Int>) {
    guard let read: Int = quantity(name, Quantity.count, in: range, show: { "\($0)" }) else { return }
    value = read
  }

  mutating func number(_ name: String, _ value: inout Double, in range: ClosedRange<Double>) {
    guard let read: Double = quantity(name, Quantity.number, in: range, show: Quantity.numberText) else { return }
    value = read
  }

  /// A share between 0 and 1, both included unless `range` says less.
  mutating func share(_ name: String, _ value: inout Double, in range: ClosedRange<Double> = 0...1) {
    guard let read: Double = quantity(name, Quantity.share, in: range, show: Quantity.numberText) else { return }
    value = read
  }

  /// Place of a key's value, for a check that spans several keys.
  func mark(_ name: String) -> Mark? { pairs.first { $0.name == name }?.node.mark }

  /// Bytes per second; nil where the key is not there, or was refused.
  mutating func rate(_ name: String, in range: ClosedRange<UInt64>) -> UInt64? {
    quantity(name, Quantity.rate_bytes_s, in: range, show: { Quantity.bytesText(Int($0)) })
  }

  /// Refuses one span that is longer than another, both keys of this mapping; `remedy` says what to do. Nothing if neither
  /// is written here: defaults are in order.
  func order(_ shorter: (name: String, ns: Int64), atMost longer: (name: String, ns: Int64), _ remedy: String) {
    guard shorter.ns > longer.ns, let mark = mark(shorter.name) ?? mark(longer.name) else { return }
    reader.refuse(
      mark,
      "\(path(of: shorter.name)) (\(Quantity.durationText(shorter.ns))) is longer than \(path(of: longer.name)) "
        + "(\(Quantity.durationText(longer.ns))): \(remedy)")
  }

  private mutating func quantity<Value: Comparable>(
    _ name: String, _ parse: (String) throws(Quantity.Problem) -> Value, in range: ClosedRange<Value>,
    show: (Value) -> String
  ) -> Value? {
    guard let node = take(name), let scalar = reader.scalar(node, path(of: name), "one value") else { return nil }
    if scalar.style == .plain, Reader.isNull(scalar.string) {
      reader.refuse(node.mark, "\(path(of: name)) has no value: write one, or leave the key out")
      return nil
    }
    let value: Value
    do throws(Quantity.Problem) {
      value = try parse(scalar.string)
    } catch {
      reader.refuse(node.mark, "\(path(of: name)): \(error)")
      return nil
    }
    guard range.contains(value) else {
      reader.refuse(
        node.mark,
        "\(path(of: name)) must be between \(show(range.lowerBound)) and \(show(range.upperBound)), "
          + "not \(scalar.string)")
      return nil
    }
    return value
  }
}
