import Admin
import AdminAPI
import ArgumentParser
import ConfigurationFile

/// `--admin unix:PATH | tcp:HOST:PORT | off`.
enum AdminOption: ExpressibleByArgument {
  case listen(Listen)
  case off

  init?(argument: String) {
    if argument == "off" {
      self = .off
    } else if let listen = try? Listen.parse(argument, reach: .addresses) {
      self = .listen(listen)
    } else {
      return nil
    }
  }
}

/// `--metrics tcp:HOST:PORT`.
struct MetricsOption: ExpressibleByArgument {
  let listen: Listen

  init?(argument: String) {
    guard let listen = try? Listen.parseMetrics(argument) else { return nil }
    self.listen = listen
  }
}

/// Where a sidecar can be asked; each wins over the configuration's.
struct AdminOptions: ParsableArguments {
  @Option(
    help: """
      Where the admin API listens: unix:PATH, tcp:127.0.0.1:PORT or tcp:[::1]:PORT, or off. Beyond loopback only with \
      --admin-token-file.
      """)
  var admin: AdminOption?
  @Option(
    help: ArgumentHelp(
      "File of the token that permits changes over TCP (over the Unix socket its mode does).", valueName: "path"))
  var adminTokenFile: String?
  @Option(
    help: ArgumentHelp(
      "Where a second listener serves only /metrics, /healthz and /readyz: tcp:HOST:PORT, any address.",
      valueName: "address"))
  var metrics: MetricsOption?
}

/// Serves the admin API, and the metrics where they have an address of their own, until cancelled.
struct AdminService {
  let source: ReportBox
  let commands: any CommandSink
  let options: AdminOptions
  let settings: AdminSettings

  /// An address that was asked for must be served; the standard one is a convenience, and done without when it is taken or
  /// not allowed.
  func run() async throws {
    let token: AccessToken?
    do throws(AccessToken.ReadError) {
      token = try (options.adminTokenFile ?? settings.tokenFile).map { path throws(AccessToken.ReadError) in
        try AccessToken.read(path: path)
      }
    } catch {
      throw Failure(error.description)
    }
    let counted = CountingSink(commands)
    source.addFamilies { [counted.family] }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await serve(token, counted) }
      if let address = options.metrics?.listen ?? settings.metrics {
        let server = AdminServer(metricsOn: address, source: source, version: Stormfuse.version) { address in
          Terminal.say("stormfuse: metrics on \(address)")
        }
        tasks.addTask { try await server.run() }
      }
      do { try await tasks.waitForAll() } catch {
        tasks.cancelAll()
        throw error
      }
    }
  }

  private func serve(_ token: AccessToken?, _ commands: any CommandSink) async throws {
    let listen: Listen
    switch options.admin {
    case .off: return
    case .listen(let address): listen = address
    case nil: listen = settings.listen
    }
    let server = AdminServer(
      listen: listen, source: source, commands: commands, version: Stormfuse.version, token: token,
      hosts: settings.hosts
    ) { address in
      Terminal.say("stormfuse: admin API on \(address)")
    }
    do {
      try await server.run()
    } catch let error as AdminError {
      guard options.admin == nil, settings.listen == .standard else { throw error }
      Terminal.say("stormfuse: no admin API: \(error). --admin names another address, --admin off silences this.")
    }
  }
}
