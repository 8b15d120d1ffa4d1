internal import AdminAPI
internal import Yams

/// Walks the nodes of one file and collects what is wrong with them, so that one run shows everything.
///
/// Each kind of value has one method here or on `ObjectReader`; a value that is refused leaves the default in place and
/// the whole file is refused in the end.
final class Reader {
  let file: String
  var problems: [ConfigurationError.Problem] = []

  init(file: String) { self.file = file }

  func refuse(_ mark: Mark?, _ message: String) {
    problems.append(.init(file: file, line: mark?.line ?? 0, column: mark?.column ?? 0, message: message))
  }

  /// Reads a mapping: `read` takes the keys it knows; every other key is refused, with the nearest known one.
  func object(_ node: Node, _ path: String, read: (inout ObjectReader) -> Void) {
    guard case .mapping(let mapping) = node else {
      let name = path.isEmpty ? "the file" : path
      refuse(node.mark, "\(name) must be a mapping (key: value), not \(Self.kind(node))")
      return
    }
    var object = ObjectReader(reader: self, path: path)
    for (key, value) in mapping {
      guard case .scalar(let scalar) = key else {
        refuse(key.mark, "a key must be text, not \(Self.kind(key))")
        continue
      }
      if scalar.string.hasPrefix(SourceText.placeholder) { continue }
      object.pairs.append((scalar.string, key.mark, value))
    }
    read(&object)
    for (name, mark, _) in object.pairs where !object.known.contains(name) {
      let place = path.isEmpty ? "" : " in \(path)"
      let nearest = NearestNames.of(name, among: object.known.sorted(), limit: 1).first
      let meant =
        nearest.map { "did you mean \"\($0)\"?" } ?? "known are \(object.known.sorted().joined(separator: ", "))"
      refuse(mark, "unknown key \"\(name)\"\(place): \(meant)")
    }
  }

  /// Elements of a sequence; none, and a problem, for anything else.
  func list(_ node: Node, _ path: String) -> [Node] {
    guard case .sequence(let sequence) = node else {
      refuse(node.mark, "\(path) must be a list (- item, or [a, b]), not \(Self.kind(node))")
      return []
    }
    return Array(sequence)
  }

  /// Text that is not empty, as a name or pattern is.
  func text(_ node: Node, _ path: String) -> String? {
    guard let scalar = scalar(node, path, "text") else { return nil }
    if scalar.style == .plain, Self.isNull(scalar.string) {
      refuse(node.mark, "\(path) has no value: write one, or leave the key out")
      return nil
    }
    guard !scalar.string.isEmpty else {
      refuse(node.mark, "\(path) is empty: write a value, or leave the key out")
      return nil
    }
    return scalar.string
  }

  /// `on` or `off` in any of YAML's spellings; nil if it is anything else, unreported.
  static func flag(_ node: Node) -> Bool? {
    guard case .scalar(let scalar) = node, scalar.style == .plain else { return nil }
    return switch scalar.string.lowercased() {
    case "on", "true", "yes": true
    case "off", "false", "no": false
    default: nil
    }
  }

  /// A plain or quoted scalar, with a problem if it is none.
  func scalar(_ node: Node, _ path: String, _ expected: String) -> Node.Scalar? {
    if case .scalar(let scalar) = node { return scalar }
    refuse(node.mark, "\(path) must be \(expected), not \(Self.kind(node))")
    return nil
  }

  static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }

  static func kind(_ node: Node) -> String {
    switch node {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .alias: "an alias"
    case .scalar(let scalar):
      isNull(scalar.string) && scalar.style == .plain ? "nothing" : "\"\(scalar.string.prefix(60))\""
    }
  }
}
