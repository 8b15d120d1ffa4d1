extension AMQPMethod {
  /// Who may send a method.
  struct Senders: OptionSet {
    let rawValue: UInt8
    static let client = Senders(rawValue: 1)
    static let server = Senders(rawValue: 2)
    static let both: Senders = [.client, .server]

    init(rawValue: UInt8) { self.rawValue = rawValue }
    init(_ role: AMQPRole) { self = role == .client ? .client : .server }
  }

  /// Who may send the method with this class id (upper half) and method id; empty if it is not known. Tells real frames
  /// from bytes that look like one, and the client's side from the server's.
  static func senders(of number: UInt32) -> Senders {
    let method = number & 0xffff
    switch number &>> 16 {
    case 10:
      switch method {
      case 10, 20, 30, 41, 60, 61, 71: return .server
      case 11, 21, 31, 40, 70: return .client
      case 50, 51: return .both
      default: return []
      }
    case 20:
      switch method {
      case 10: return .client
      case 11: return .server
      case 20, 21, 40, 41: return .both
      default: return []
      }
    case 40:
      switch method {
      case 10, 20, 30, 40: return .client
      case 11, 21, 31, 51: return .server
      default: return []
      }
    case 50:
      switch method {
      case 10, 20, 30, 40, 50: return .client
      case 11, 21, 31, 41, 51: return .server
      default: return []
      }
    case 60:
      switch method {
      case 10, 20, 40, 70, 90, 100, 110: return .client
      case 11, 21, 50, 60, 71, 72, 111: return .server
      case 30, 31, 80, 120: return .both
      default: return []
      }
    case 90:
      switch method {
      case 10, 20, 30: return .client
      case 11, 21, 31: return .server
      default: return []
      }
    case 30, 85:
      switch method {
      case 10: return .client
      case 11: return .server
      default: return []
      }
    default: return []
    }
  }
}
