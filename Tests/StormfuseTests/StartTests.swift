#if os(Linux)
  import Admin
  import ArgumentParser
  import ConfigurationFile
  import Foundation
  import Pipeline
  import Testing

  @testable import stormfuse

  /// What was asked for and can't be had is said before anything is started.
  @Suite(.serialized, .timeLimit(.minutes(1))) struct StartTests {
    /// Options that can't be met, in a directory of the test's, beside a port that is taken.
    enum Obstacle: CaseIterable {
      case portTaken, metricsPortTaken, noDirectory, directoryAtPath, noTokenFile, tokenOfEverybody, noToken
      case reportNowhere, reportIsDirectory, eventsNowhere, stateNowhere

      func options(_ directory: String, port: UInt16) throws -> [String] {
        switch self {
        case .portTaken: return ["--admin", "tcp:127.0.0.1:\(port)"]
        case .metricsPortTaken: return ["--admin", "unix:\(directory)/s", "--metrics", "tcp:127.0.0.1:\(port)"]
        case .noDirectory: return ["--admin", "unix:\(directory)/none/s"]
        case .directoryAtPath: return ["--admin", "unix:\(directory)"]
        case .noTokenFile: return ["--admin", "tcp:127.0.0.1:0", "--admin-token-file", "\(directory)/none"]
        case .tokenOfEverybody:
          let path = "\(directory)/token"
          try Data("0123456789abcdef".utf8).write(to: URL(filePath: path))
          #expect(chmod(path, 0o644) == 0)
          return ["--admin", "tcp:127.0.0.1:0", "--admin-token-file", path]
        case .noToken: return ["--admin", "tcp:0.0.0.0:0"]
        case .reportNowhere: return ["--admin", "off", "--report", "\(directory)/none/report"]
        case .reportIsDirectory: return ["--admin", "off", "--report", directory]
        case .eventsNowhere: return ["--admin", "off", "--events", "\(directory)/none/events"]
        case .stateNowhere: return ["--admin", "off", "--state", "\(directory)/none/state"]
        }
      }

      var isReplays: Bool { self != .reportNowhere && self != .reportIsDirectory }
    }

    @Test(arguments: Obstacle.allCases)
    func `the command is not started`(obstacle: Obstacle) async throws {
      try await withTemporaryDirectory { directory in
        let taken = try TakenPort()
        let began = "\(directory)/began"
        let options = try obstacle.options(directory, port: taken.port)
        #expect(try await status(["run"] + options + ["--", "touch", began]) == 1)
        #expect(!FileManager.default.fileExists(atPath: began))
        #expect(!FileManager.default.fileExists(atPath: "\(directory)/s"))
      }
    }

    @Test(arguments: Obstacle.allCases.filter(\.isReplays))
    func `a replay ends at once`(obstacle: Obstacle) async throws {
      try await withTemporaryDirectory { directory in
        let taken = try TakenPort()
        let options = try obstacle.options(directory, port: taken.port)
        // It would take minutes, and then serve until interrupted.
        let replay = ["replay", "--serve", "--speed", "0.01", Captured.path]
        #expect(try await status(replay + options) == 1)
      }
    }

    @Test func `what can't be served is said with why and what to do`() async throws {
      try await withTemporaryDirectory { directory in
        let taken = try TakenPort()
        for (obstacle, words) in [
          (Obstacle.portTaken, "port \(taken.port) is in use: stop what listens there"),
          (.metricsPortTaken, "the metrics can't listen on tcp:127.0.0.1:\(taken.port) (listening): port"),
          (.noDirectory, "there is no directory \(directory)/none: create it"),
          (.noTokenFile, "the token file \(directory)/none can't be read (No such file or directory): make one with"),
          (.tokenOfEverybody, "chmod o= \(directory)/token"),
          (.noToken, "without a token, for others could reach it: give one with --admin-token-file PATH"),
        ] {
          let options = try AdminOptions.parse(obstacle.options(directory, port: taken.port))
          let error = await #expect(throws: (any Error).self) {
            _ = try await service(options).start()
          }
          #expect("\(error as Any)".contains(words), "\(obstacle): \(error as Any)")
        }
      }
    }

    @Test func `once started it serves until cancelled`() async throws {
      try await withTemporaryDirectory { directory in
        let path = "\(directory)/s"
        let serving = try await service(.parse(["--admin", path, "--metrics", "tcp:127.0.0.1:0"])).start()
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(serving.addresses.first == "admin API on unix:\(path)" && serving.addresses.count == 2)
        serving.task.cancel()
        #expect(await serving.task.isOver(within: .seconds(20)))
        #expect(!FileManager.default.fileExists(atPath: path))
        let nothing = try await service(.parse(["--admin", "off"])).start()
        #expect(await nothing.task.isOver(within: .seconds(20)) && nothing.addresses.isEmpty)
      }
    }

    @Test(arguments: [
      (["--admin", "tcp:somewhere:80"], "\"somewhere\" in \"tcp:somewhere:80\" is not an IP address"),
      (["--admin", "http://x"], "write unix:PATH or tcp:127.0.0.1:PORT"),
      (["--metrics", "/run/x"], "write tcp:ADDRESS:PORT"), (["--speed", "fast"], "write max, or a number above 0"),
    ])
    func `a value that can't be meant is refused with what to write`(options: [String], words: String) {
      let error = #expect(throws: (any Error).self) {
        try Stormfuse.parseAsRoot(["replay", "--serve", "x.pcap"] + options)
      }
      #expect(error.map { Stormfuse.message(for: $0).contains(words) } == true, "\(error as Any)")
    }

    @Test(arguments: [["--pid", "2147483647"], ["--cgroup", "/no/such/cgroup"]])
    func `an API is not announced where the run can't begin`(target: [String]) async throws {
      try await withTemporaryDirectory { directory in
        let binary = try Binary(["run", "--admin", "unix:\(directory)/s"] + target)
        #expect(try await binary.end() == 1)
        #expect(binary.text.contains("stormfuse: there is no "), "\(binary.text)")
        #expect(!binary.text.contains("admin API on"), "\(binary.text)")
      }
    }

    @Test(arguments: [
      (["run"], "Give one of\n     --pid 4711 "), (["run"], "Usage: stormfuse run [OPTIONS] --pid N …"),
      (["run", "--pid"], "as in --pid 4711."), (["record", "--output", "x.pcapng"], "-- ./consumer --queue orders "),
    ])
    func `a run that does not say what to watch is told what to give`(words: [String], part: String) {
      let error = #expect(throws: (any Error).self) { try Stormfuse.parseAsRoot(words) }
      #expect(error.map { Stormfuse.fullMessage(for: $0).contains(part) } == true, "\(error as Any)")
    }

    private func service(_ options: AdminOptions) -> AdminService {
      let settings = Settings()
      let box = ReportBox(Engine(settings: settings, target: "t", origin: .live).report())
      return AdminService(source: box, families: box, commands: CommandQueue(), options: options, settings: .init())
    }

    @Test func `a replay neither calls anybody nor writes the live run's files`() async throws {
      try await withTemporaryDirectory { directory in
        let webhook = try TakenPort()
        let file = "\(directory)/stormfuse.yaml"
        let text = """
          window: 1s
          rules: {dead-letter-flood: {dead_letter_rate: 0, min_settlements: 1, min_distinct: 1}}
          webhook: {url: "http://127.0.0.1:\(webhook.port)/"}
          events: \(directory)/live.jsonl
          state: \(directory)/live
          """
        try Data(text.utf8).write(to: URL(filePath: file))
        let events = "\(directory)/replay.jsonl"
        #expect(try await status(["replay", Captured.storm, "--config", file, "--events", events]) == 0)
        let lines = try String(contentsOfFile: events, encoding: .utf8).split(separator: "\n")
        #expect(lines.contains { $0.contains("\"to\":\"open\"") })
        #expect(!webhook.wasAsked)
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == [
            "replay.jsonl", "stormfuse.yaml",
          ])
      }
    }

    /// Exit status of a command line, 0 where nothing is thrown.
    private func status(_ arguments: [String]) async throws -> Int32 {
      var command = try #require(try Stormfuse.parseAsRoot(arguments) as? any AsyncParsableCommand)
      do {
        try await command.run()
        return 0
      } catch let code as ExitCode {
        return code.rawValue
      }
    }
  }

  /// A port of 127.0.0.1 on which somebody listens.
  final class TakenPort {
    let port: UInt16
    private let descriptor: Int32

    struct Failure: Error { var code: Int32 }

    init() throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let descriptor = descriptor
      let isListening = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, size) == 0 && listen(descriptor, 1) == 0 && getsockname(descriptor, $0, &size) == 0
        }
      }
      port = UInt16(bigEndian: address.sin_port)
      guard isListening else { throw Failure(code: errno) }
    }

    deinit { close(descriptor) }

    /// Whether somebody has connected.
    var wasAsked: Bool {
      var events = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      return poll(&events, 1, 0) > 0
    }
  }
#endif
