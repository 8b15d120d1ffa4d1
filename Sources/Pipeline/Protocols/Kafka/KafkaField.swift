/// One row of the schema: a field of a message, its type, the versions that have it, and where its value goes. Fields
/// without a place are skipped. Reads as the definitions do (clients/src/main/resources/common/message/*.json in Kafka).
struct KafkaField: Sendable {
  indirect enum Kind: Sendable {
    /// `size` bytes that nobody needs.
    case fixed(size: Int)
    /// A signed number in `size` bytes, the highest first.
    case number(KafkaNumber, size: Int)
    case uuid(kept: Bool)
    case string(KafkaText?)
    case bytes(KafkaText?)
    case records
    /// Structures; each ends in tagged fields where the version is flexible. The count goes to the slot, −1 for null.
    case array([KafkaField], KafkaNumber?)
    /// Values without tagged fields.
    case list([KafkaField])
    /// A list of int8, kept as its bytes.
    case octets(KafkaText)
    /// A structure that may be null: a byte, then, unless it is negative, the fields. 1 or −1 goes to the slot.
    case optional([KafkaField], KafkaNumber?)
    /// A structure in its place, with tagged fields where the version is flexible.
    case structure([KafkaField])
    case emit(KafkaEvent)
    /// Where the error before it is UNSUPPORTED_VERSION, what follows is written as in version 0 (KIP-511).
    case downgrade
    /// What follows is not needed, and not read.
    case rest(isPlain: Bool)
  }

  var name: StaticString
  var kind: Kind
  var from: Int16
  var to: Int16
  /// Its number, if it is a tagged field (KIP-482).
  var tag: Int?

  init(_ name: StaticString, _ kind: Kind, _ from: Int16, _ to: Int16, tag: Int? = nil) {
    self.name = name
    self.kind = kind
    self.from = from
    self.to = to
    self.tag = tag
  }
}

extension KafkaField {
  typealias Version = Int16

  static func int8(_ name: StaticString, from: Version = 0, to: Version = .max, _ slot: KafkaNumber? = nil) -> Self {
    number(name, 1, from, to, slot)
  }
  static func int16(_ name: StaticString, from: Version = 0, to: Version = .max, _ slot: KafkaNumber? = nil) -> Self {
    number(name, 2, from, to, slot)
  }
  static func int32(_ name: StaticString, from: Version = 0, to: Version = .max, _ slot: KafkaNumber? = nil) -> Self {
    number(name, 4, from, to, slot)
  }
  static func int64(_ name: StaticString, from: Version = 0, to: Version = .max, _ slot: KafkaNumber? = nil) -> Self {
    number(name, 8, from, to, slot)
  }
  static func bool(_ name: StaticString, from: Version = 0, to: Version = .max, _ slot: KafkaNumber? = nil) -> Self {
    number(name, 1, from, to, slot)
  }
  /// The one UUID that is kept is the topic's.
  static func topicID(from: Version = 0, to: Version = .max) -> Self {
    Self("TopicId", .uuid(kept: true), from, to)
  }
  static func uuid(_ name: StaticString, from: Version = 0, to: Version = .max) -> Self {
    Self(name, .uuid(kept: false), from, to)
  }
  static func string(_ name: StaticString, from: Version = 0, to: Version = .max, _ slot: KafkaText? = nil) -> Self {
    Self(name, .string(slot), from, to)
  }
  static func bytes(_ name: StaticString, from: Version = 0, to: Version = .max, _ slot: KafkaText? = nil) -> Self {
    Self(name, .bytes(slot), from, to)
  }
  static func records(_ name: StaticString) -> Self { Self(name, .records, 0, .max) }

  static func array(
    _ name: StaticString, from: Version = 0, to: Version = .max, count: KafkaNumber? = nil, _ fields: [KafkaField]
  ) -> Self {
    Self(name, .array(fields, count), from, to)
  }
  static func octets(_ name: StaticString, _ slot: KafkaText) -> Self { Self(name, .octets(slot), 0, .max) }
  static func list(_ name: StaticString, from: Version = 0, to: Version = .max, _ fields: [KafkaField]) -> Self {
    Self(name, .list(fields), from, to)
  }
  static func optional(_ name: StaticString, present slot: KafkaNumber? = nil, _ fields: [KafkaField]) -> Self {
    Self(name, .optional(fields, slot), 0, .max)
  }
  static func structure(_ name: StaticString, from: Version = 0, to: Version = .max, _ fields: [KafkaField]) -> Self {
    Self(name, .structure(fields), from, to)
  }
  static func emit(_ event: KafkaEvent, from: Version = 0, to: Version = .max) -> Self {
    Self("", .emit(event), from, to)
  }
  static let downgrade = Self("", .downgrade, 0, .max)
  // Not needed; `sealed` is not for a recording either. Made anew each time: a constant in a box of its own is a leak to
  // the address sanitizer.
  static var rest: Self { Self("", .rest(isPlain: true), 0, .max) }
  static var sealed: Self { Self("", .rest(isPlain: false), 0, .max) }

  /// The same field as a tagged one.
  func tagged(_ tag: Int) -> Self {
    var copy = self
    copy.tag = tag
    return copy
  }

  private static func number(
    _ name: StaticString, _ size: Int, _ from: Version, _ to: Version, _ slot: KafkaNumber?
  ) -> Self {
    Self(name, slot.map { .number($0, size: size) } ?? .fixed(size: size), from, to)
  }
}

/// One request and its answer, all versions.
struct KafkaMessage: Sendable {
  var key: KafkaKey
  var versions: ClosedRange<Int16>
  /// The first version with compact types and tagged fields (KIP-482).
  var flexible: Int16
  /// Whether the answer's facts need the request's fields: its bytes are kept until then.
  var keepsRequest: Bool
  var request: [KafkaField]
  var response: [KafkaField]

  init(
    _ key: KafkaKey, _ versions: ClosedRange<Int16>, flexible: Int16 = .max, keepsRequest: Bool = true,
    request: [KafkaField], response: [KafkaField]
  ) {
    self.key = key
    self.versions = versions
    self.flexible = flexible
    self.keepsRequest = keepsRequest
    self.request = request
    self.response = response
  }
}
