import Foundation

/// Calls back on signals, in place of the default, until cancelled. One call at a time.
final class SignalHandler {
  private let sources: [any DispatchSourceSignal]

  init(_ signals: Int32..., handle: @escaping @Sendable () -> Void) {
    sources = signals.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler(handler: handle)
      source.resume()
      return source
    }
  }

  /// Whether the program was started with that signal ignored, as nohup does.
  static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    #if os(Linux)
      return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    #else
      return unsafeBitCast(action.__sigaction_u.__sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    #endif
  }

  /// For the signals that ask a program to end.
  static func stop(_ handle: @escaping @Sendable () -> Void) -> SignalHandler {
    SignalHandler(SIGINT, SIGTERM, handle: handle)
  }

  func cancel() { for source in sources { source.cancel() } }
}
