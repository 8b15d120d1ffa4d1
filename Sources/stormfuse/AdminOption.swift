import Admin
import AdminAPI
import ArgumentParser

/// `--admin unix:PATH | tcp:HOST:PORT | off`.
enum AdminOption: ExpressibleByArgument {
  case listen(Listen)
  case off

  init?(argument: String) {
    if argument == "off" {
      self = .off
    } else if let listen = try? Listen.parse(argument) {
      self = .listen(listen)
    } else {
      return nil
    }
  }

  static let help: ArgumentHelp = """
    Where the admin API listens: unix:PATH, tcp:127.0.0.1:PORT or tcp:[::1]:PORT (loopback only), or off.
    """
}

/// Serves the admin API until cancelled.
struct AdminService {
  let source: ReportBox
  let asked: AdminOption?
  let configured: Listen

  /// An address that was asked for must be served; the standard one is a convenience, and done without when it is taken or
  /// not allowed.
  func run() async throws {
    let listen: Listen
    switch asked {
    case .off: return
    case .listen(let address): listen = address
    case nil: listen = configured
    }
    let server = AdminServer(listen: listen, source: source, version: Stormfuse.version) { address in
      Terminal.say("stormfuse: admin API on \(address)")
    }
    do {
      try await server.run()
    } catch let error as AdminError {
      guard asked == nil, configured == .standard else { throw error }
      Terminal.say("stormfuse: no admin API: \(error). --admin names another address, --admin off silences this.")
    }
  }
}
