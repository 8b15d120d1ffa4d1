/// How large a frame's payload may be.
struct AMQPFrameLimits: Sendable {
  /// The agreed `frame_max` in bytes; 0: no limit agreed; nil: not known. RabbitMQ lets the payload alone fill it.
  var agreed_bytes: Int?

  private var bound_bytes: Int? { agreed_bytes.flatMap { $0 > 0 ? $0 : nil } }

  /// In sync: more than this is no frame at all.
  var maxSize: Int { bound_bytes ?? AMQPFrame.bodyMax }
  /// In sync: a method or header frame above this is skipped, not kept.
  var keptSize: Int { min(bound_bytes ?? AMQPFrame.hardMax, AMQPFrame.hardMax) }

  /// Out of sync: a candidate's method and header frames.
  var scanSize: Int { min(bound_bytes ?? AMQPFrame.defaultMax, AMQPFrame.hardMax) }
  /// Out of sync: a candidate's body frames.
  var scanBodySize: Int { min(bound_bytes ?? AMQPFrame.hardMax, AMQPFrame.hardMax) }
  /// A chain of this length is believed whatever else.
  var proof_bytes: Int { scanSize &+ AMQPFrame.overhead }
}
