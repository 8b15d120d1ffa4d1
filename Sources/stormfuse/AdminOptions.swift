import Admin
import AdminAPI
import ArgumentParser
import ConfigurationFile

/// Where a sidecar can be asked; each wins over the configuration's.
struct AdminOptions: ParsableArguments {
  @Option(
    help: """
      Where the admin API listens: unix:PATH, tcp:127.0.0.1:PORT or tcp:[::1]:PORT, or off. Beyond loopback only with \
      --admin-token-file.
      """,
    transform: { $0 == "off" ? .off : .listen(try Listen.parse($0, reach: .addresses)) })
  var admin: Admin?
  @Option(
    help: ArgumentHelp(
      "File of the token that permits changes over TCP (over the Unix socket its mode does).", valueName: "path"))
  var adminTokenFile: String?
  @Option(
    help: ArgumentHelp(
      "Where a second listener serves only /metrics, /healthz and /readyz: tcp:HOST:PORT, any address.",
      valueName: "address"),
    transform: { try Listen.parseMetrics($0) })
  var metrics: Listen?

  enum Admin {
    case listen(Listen)
    case off
  }
}

/// Serves the admin API, and the metrics where they have an address of their own.
struct AdminService {
  let source: any ReportSource
  /// Where what becomes of commands is counted.
  let families: ReportBox
  let commands: any CommandSink
  let options: AdminOptions
  let settings: AdminSettings

  /// What is served.
  struct Serving: Sendable {
    /// Serves until it is cancelled.
    let task: Task<Void, any Error>
    /// A line for each address.
    let addresses: [String]

    /// Tells people where to ask: once the run has begun, or they would ask one that never does.
    func announce() { for address in addresses { Terminal.say("stormfuse: \(address)") } }
  }

  /// Takes the addresses. Returns once all that were asked for accept connections; says nothing of them yet. The standard
  /// address is a convenience, and done without when it is taken or not allowed.
  ///
  /// - Throws: `Failure` or `AdminError`, with what to do; nothing is served then.
  func start() async throws -> Serving {
    let token = try readToken()
    let counted = CountingSink(commands)
    families.addFamilies { [counted.family] }
    var running: [Task<Void, any Error>] = []
    var addresses: [String] = []
    // One after the other: a server that is cancelled while it starts might never hear of it.
    for serve in servers(token, counted) {
      do {
        let (task, address) = try await started(serve)
        running.append(task)
        if let address { addresses.append(address) }
      } catch {
        for task in running {
          task.cancel()
          _ = await task.result
        }
        throw error
      }
    }
    let task = Task { [running] in
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        for task in running {
          tasks.addTask {
            try await withTaskCancellationHandler {
              try await task.value
            } onCancel: {
              task.cancel()
            }
          }
        }
        // What one throws ends the others.
        try await tasks.waitForAll()
      }
    }
    return Serving(task: task, addresses: addresses)
  }

  /// Serves until cancelled; calls back once it accepts connections, with what there is and where.
  private typealias Serve = @Sendable (_ ready: @escaping @Sendable (String) -> Void) async throws -> Void

  /// Returns once it is ready, with its address, or over without an error.
  private func started(_ serve: @escaping Serve) async throws -> (Task<Void, any Error>, address: String?) {
    let (ready, tell) = AsyncStream<String>.makeStream()
    let task = Task {
      defer { tell.finish() }
      try await serve { tell.yield($0) }
    }
    for await address in ready { return (task, address) }
    try await task.value
    return (task, nil)
  }

  private func readToken() throws -> AccessToken? {
    guard let path = options.adminTokenFile ?? settings.tokenFile else { return nil }
    do throws(AccessToken.ReadError) {
      return try AccessToken.read(path: path)
    } catch {
      throw Failure(error.description)
    }
  }

  private func servers(_ token: AccessToken?, _ commands: any CommandSink) -> [Serve] {
    var servers: [Serve] = []
    switch options.admin {
    case .off: break
    case .listen(let listen): servers.append(server(listen, token, commands, isOptional: false))
    case nil: servers.append(server(settings.listen, token, commands, isOptional: settings.listen == .standard))
    }
    if let listen = options.metrics ?? settings.metrics {
      servers.append { [source] ready in
        let server = AdminServer(metricsOn: listen, source: source, version: Version.current) { address in
          ready("metrics on \(address)")
        }
        try await server.run()
      }
    }
    return servers
  }

  private func server(
    _ listen: Listen, _ token: AccessToken?, _ commands: any CommandSink, isOptional: Bool
  ) -> Serve {
    { [source, settings] ready in
      let server = AdminServer(
        listen: listen, source: source, commands: commands, version: Version.current, token: token,
        hosts: settings.hosts
      ) { address in
        ready("admin API on \(address)")
      }
      do {
        try await server.run()
      } catch let error as AdminError where isOptional {
        Terminal.say("stormfuse: no admin API: \(error). --admin names another address, --admin off silences this.")
      }
    }
  }
}
