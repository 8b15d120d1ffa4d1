/// One step of reading one version of a message: what a row of the schema becomes once its version is fixed.
struct KafkaOp: Sendable {
  enum Code: UInt8, Sendable {
    /// `next` bytes that nobody needs.
    case skip
    /// A signed number of 1, 2, 4 or 8 bytes to the slot.
    case int8, int16, int32, int64
    case uuid
    case string, compactString
    case bytes, compactBytes
    case octets, compactOctets
    case records, compactRecords
    /// A count; the elements begin at the next step and end at `.again`. `next` is where to go if there are none.
    case array, compactArray
    /// A list of values of `next` bytes each, skipped.
    case values, compactValues
    /// The end of an element; `next` is the first step of an element.
    case again
    /// A byte; if it is negative, go to `next`.
    case optional
    /// The count of tagged fields; steps follow as said at `.tag`.
    case tags
    /// One tagged field: `slot` steps `.known` follow. `next` is where to go after the last one.
    case tag
    /// The tagged field with number `slot` is read by the steps from `next` on, to `.tagEnd`.
    case known
    /// The end of a known tagged field; `next` is the `.tag` step.
    case tagEnd
    case unset
    case emit
    /// If the slot `error` is UNSUPPORTED_VERSION go to `next`.
    case downgrade
    /// `slot` is not `nowhere` if more of the message follows, and may be recorded.
    case end
  }

  /// The slot of values that are not kept.
  static let nowhere: UInt8 = .max

  var code: Code
  var slot: UInt8 = nowhere
  var next: Int32 = 0
}
