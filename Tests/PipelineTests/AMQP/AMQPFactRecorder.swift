import Synchronization

@testable import Pipeline

/// Writes facts down as text, with every slice resolved, so that tests compare what a reader can read.
final class AMQPFactRecorder: AMQPFactSink {
  private(set) var facts: [String] = []
  private(set) var losses: [(loss: AMQPLoss, bytes: Int)] = []
  private(set) var placedCount = 0
  private(set) var times: [Int64] = []
  private var bodies: [UInt16: [UInt8]] = [:]

  func protocolHeader(major: UInt8, minor: UInt8, revision: UInt8, at: Timestamp) {
    add("protocolHeader \(major)-\(minor)-\(revision)", at)
  }

  func method(_ method: AMQPMethod, channel: UInt16, in frame: RawSpan, at: Timestamp) {
    let bytes = Self.array(frame)
    add("\(channel) " + Self.once(bytes) { describe(method, bytes) }, at)
  }

  func contentHeader(_ header: AMQPContentHeader, channel: UInt16, in frame: RawSpan, at: Timestamp) {
    let bytes = Self.array(frame)
    add("\(channel) header" + Self.once([2] + bytes) { fields(header, bytes) }, at)
  }

  func body(_ bytes: RawSpan, channel: UInt16, at: Timestamp) {
    bodies[channel, default: []] += Self.array(bytes)
  }

  func bodyFrameEnded(channel: UInt16, at: Timestamp) {
    add("\(channel) body '\(String(decoding: bodies.removeValue(forKey: channel) ?? [], as: UTF8.self))'", at)
  }

  func heartbeat(at: Timestamp) { add("heartbeat", at) }

  func lost(_ loss: AMQPLoss, bytes: Int, at: Timestamp) {
    losses.append((loss, bytes))
    switch loss {
    case .body(let channel): bodies[channel, default: []] += [UInt8](repeating: UInt8(ascii: "?"), count: bytes)
    case .outOfSync: bodies = [:]
    default: break
    }
  }

  func placed(_ place: AMQPPlace, count: Int, frame: RawSpan) { placedCount += count }

  private func add(_ fact: String, _ at: Timestamp) {
    facts.append(fact)
    times.append(at.ns)
  }

  /// Descriptions take most of the time, and most frames come thousands of times. The payload decides what the fields
  /// are; that this is so is what the tests compare with the samples.
  private static let descriptions = Mutex<[[UInt8]: String]>([:])
  private static func once(_ bytes: [UInt8], _ describe: () -> String) -> String {
    if let known = descriptions.withLock({ $0[bytes] }) { return known }
    let description = describe()
    descriptions.withLock { $0[bytes] = description }
    return description
  }

  static func array(_ span: RawSpan) -> [UInt8] { span.withUnsafeBytes { [UInt8]($0) } }

  private func describe(_ method: AMQPMethod, _ frame: [UInt8]) -> String {
    guard let child = Mirror(reflecting: method).children.first else { return "\(method)" }
    return (child.label ?? "?") + fields(child.value, frame, single: child.label)
  }

  private func fields(_ value: Any, _ frame: [UInt8], single: String? = nil) -> String {
    let children = Mirror(reflecting: value).children
    return "("
      + children.map { "\($0.label ?? "_"): \(field($0.label ?? "", $0.value, frame))" }.joined(separator: ", ")
      + ")"
  }

  private func field(_ label: String, _ value: Any, _ frame: [UInt8]) -> String {
    guard let text = value as? Text else {
      return Mirror(reflecting: value).displayStyle == .optional
        ? Mirror(reflecting: value).children.first.map { "\($0.value)" } ?? "nil" : "\(value)"
    }
    if ["arguments", "serverProperties", "clientProperties", "headers"].contains(label) {
      return Self.table(AMQPTable(entries: text), frame, braces: ("{", "}"))
    }
    return "'\(text.string(in: frame.span.bytes))'"
  }

  static func table(_ table: AMQPTable, _ frame: [UInt8], braces: (String, String)) -> String {
    var table = table
    var entries: [String] = []
    while let (key, value) = table.next(in: frame.span.bytes) {
      let name = braces.0 == "{" ? key.string(in: frame.span.bytes) + ": " : ""
      entries.append(name + describe(value, frame))
    }
    if table.malformed { entries.append("malformed") }
    return braces.0 + entries.joined(separator: ", ") + braces.1
  }

  private static func describe(_ value: AMQPValue, _ frame: [UInt8]) -> String {
    switch value {
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .uint(let value): "\(value)"
    case .float(let value): "\(value)"
    case .double(let value): "\(value)"
    case .decimal(let scale, let value): "\(value)e-\(scale)"
    case .string(let text): "'\(text.string(in: frame.span.bytes))'"
    case .bytes(let text):
      "x'" + frame[text.range(in: frame.span.bytes)].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "'"
    case .timestamp(let value): "T\(value)"
    case .array(let items): table(AMQPTable(items: items), frame, braces: ("[", "]"))
    case .table(let entries): table(AMQPTable(entries: entries), frame, braces: ("{", "}"))
    case .void: "void"
    }
  }
}
