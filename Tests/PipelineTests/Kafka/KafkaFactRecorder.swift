import Synchronization

@testable import Pipeline

/// Writes facts down as text, with every slice resolved, so that tests compare what a reader can read.
final class KafkaFactRecorder: KafkaFactSink {
  private(set) var facts: [String] = []
  private(set) var losses: [(loss: KafkaLoss, bytes: Int)] = []
  private(set) var times: [Int64] = []
  var wanted: KafkaDetail
  /// Heads of requests are many and say little.
  var tellsRequests = false

  init(_ wanted: KafkaDetail = [.records, .hashes]) { self.wanted = wanted }

  func fact(_ fact: KafkaFact, of exchange: KafkaExchange, in frame: RawSpan, at: Timestamp) {
    if case .request = fact, !tellsRequests { return }
    facts.append(Self.describe(fact, frame))
    times.append(at.ns)
  }

  func detail(
    _ topic: KafkaTopic, partition: Int32, of exchange: KafkaExchange, in frame: RawSpan
  ) -> KafkaDetail { wanted }

  func lost(_ loss: KafkaLoss, bytes: Int, at: Timestamp) { losses.append((loss, bytes)) }

  static func describe(_ fact: KafkaFact, _ frame: RawSpan) -> String {
    let bytes = frame.withUnsafeBytes { [UInt8]($0) }
    let mirror = Mirror(reflecting: fact)
    guard let child = mirror.children.first else { return "\(fact)" }
    let label = child.label ?? "?"
    let payload = Mirror(reflecting: child.value)
    // A single payload has no label of its own.
    if payload.displayStyle == .tuple {
      return label + "(" + payload.children.map { field($0.label, $0.value, bytes) }.joined(separator: ", ") + ")"
    }
    return label + "(" + field(nil, child.value, bytes) + ")"
  }

  private static func field(_ label: String?, _ value: Any, _ frame: [UInt8]) -> String {
    let name = label.flatMap { $0.hasPrefix(".") ? nil : $0 + ": " } ?? ""
    return name + describe(value, frame)
  }

  private static func describe(_ value: Any, _ frame: [UInt8]) -> String {
    switch value {
    case let text as Text: return quote(text, frame)
    case let id as KafkaTopicID: return id == .none ? "-" : String(id.high, radix: 16) + ":" + String(id.low, radix: 16)
    case let topic as KafkaTopic:
      return topic.id == .none ? quote(topic.name, frame) : describe(topic.id, frame)
    case let key as KafkaKey: return "\(key.rawValue)"
    case let position as KafkaPosition:
      return "\(describe(position.topic, frame))-\(position.partition)@\(position.offset)/\(position.leaderEpoch)"
    case let member as KafkaMembership:
      return [quote(member.group, frame), quote(member.member, frame), quote(member.instance, frame)]
        .joined(separator: "/") + "#\(member.generation)"
    case let assignment as KafkaAssignment:
      guard var partitions = assignment.partitions(in: frame.span.bytes) else {
        return "other \(assignment.bytes.count) bytes"
      }
      var all: [String] = []
      while let next = partitions.next(in: frame.span.bytes) {
        all.append("\(quote(next.topic, frame))-\(next.partition)")
      }
      return "[" + all.joined(separator: " ") + "]"
    case let subscription as KafkaSubscription:
      var all: [String] = []
      subscription.forEachTopic(in: frame.span.bytes) { all.append(quote($0, frame)) }
      return "[" + all.joined(separator: " ") + "]"
    case var marks as KafkaRecordMarks where !marks.headers.isEmpty:
      // Where all headers lie says nothing to a reader; what they say is in the other fields.
      (marks.headers, marks.headerCount) = (.empty, 0)
      return describe(marks, frame)
    case let marks as KafkaRecordMarks where marks == KafkaRecordMarks(): return "-"
    default: break
    }
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .struct:
      let told = mirror.children.filter { $0.label != "headers" && $0.label != "headerCount" }
      return "(" + told.map { field($0.label, $0.value, frame) }.joined(separator: ", ") + ")"
    case .optional: return mirror.children.first.map { describe($0.value, frame) } ?? "nil"
    default: return "\(value)"
    }
  }

  private static func quote(_ text: Text, _ frame: [UInt8]) -> String {
    "'" + text.string(in: frame.span.bytes).map { $0.isASCII && $0 >= " " ? String($0) : "." }.joined() + "'"
  }
}
