#if os(Linux)
  import Foundation
  import Testing

  @testable import Pipeline
  @testable import stormfuse

  /// The configuration file is read again on SIGHUP, by the program itself.
  @Suite(.serialized, .timeLimit(.minutes(2))) struct ReloadTests {
    /// It watches a process, which takes root and a cgroup v2.
    static let isAble =
      geteuid() == 0
      && ((try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? "").contains(" cgroup2 ")
    static let isRequired = ProcessInfo.processInfo.environment["STORMFUSE_REQUIRE_LIVE"] == "1"

    @Test(.enabled(if: isAble || isRequired, "needs root and a mounted cgroup v2"))
    func `a good file is taken over, a wrong one changes nothing and is said with its mistake`() async throws {
      try await withTemporaryDirectory { directory in
        let file = "\(directory)/stormfuse.yaml"
        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: file)) }
        try write("mode: observe\n")
        let target = Process()
        target.executableURL = URL(filePath: "/bin/sleep")
        target.arguments = ["60"]
        try target.run()
        defer { kill(target.processIdentifier, SIGKILL) }
        let binary = try Binary([
          "run", "--config", file, "--state", "\(directory)/state", "--admin", "unix:\(directory)/s", "--pid",
          "\(target.processIdentifier)",
        ])
        #expect(try await binary.says("admin API on"), "\(binary.text)")

        try write("window: 30s\nmode: enforce\nlimits: {groups: 5}\nadmin: {hosts: [box]}\n")
        binary.send(SIGHUP)
        #expect(
          try await binary.says(
            "\(file) was read again for process \(target.processIdentifier) (sleep): mode, window replaced; groups with "
              + "other settings: 0, with windows that begin anew: 0; as before until the next start: limits, admin"),
          "\(binary.text)")

        try write("window: 30\nmoed: enforce\n")
        binary.send(SIGHUP)
        #expect(try await binary.says("has mistakes and is not taken over"), "\(binary.text)")
        #expect(binary.text.contains("stormfuse.yaml:1:9: window: \"30\" has no unit"), "\(binary.text)")
        #expect(binary.text.contains("unknown key \"moed\": did you mean \"mode\"?"), "\(binary.text)")

        // It still holds what it took over.
        try write("window: 30s\nmode: enforce\nlimits: {groups: 5}\nadmin: {hosts: [box]}\n")
        binary.send(SIGHUP)
        #expect(try await binary.says("nothing is replaced; as before until the next start: limits, admin"))

        binary.send(SIGTERM)
        #expect(try await binary.end() == 0, "\(binary.text)")
        let audit = try String(contentsOfFile: "\(directory)/state/audit.jsonl", encoding: .utf8)
        let results = audit.split(separator: "\n").map { line in
          ["changed", "refused", "unchanged"].first { line.contains("\"result\":\"\($0)\"") } ?? "\(line)"
        }
        #expect(results == ["changed", "refused", "unchanged"])
      }
    }

    @Test(.enabled(if: isAble || isRequired, "needs root and a mounted cgroup v2"))
    func `without a configuration SIGHUP changes nothing, and says so`() async throws {
      try await withTemporaryDirectory { directory in
        let target = try sleeper()
        defer { kill(target.processIdentifier, SIGKILL) }
        let binary = try Binary([
          "run", "--admin", "unix:\(directory)/s", "--report", "\(directory)/report.json", "--pid",
          "\(target.processIdentifier)",
        ])
        #expect(try await binary.says("watching process"), "\(binary.text)")
        binary.send(SIGHUP)
        #expect(try await binary.says("SIGHUP: there is no configuration to read again"), "\(binary.text)")
        binary.send(SIGTERM)
        #expect(try await binary.end() == 0, "\(binary.text)")
        #expect(FileManager.default.fileExists(atPath: "\(directory)/report.json"))
        #expect(!FileManager.default.fileExists(atPath: "\(directory)/s"))
      }
    }

    @Test(.enabled(if: isAble || isRequired, "needs root and a mounted cgroup v2"))
    func `a configuration that became a pipe is not read again`() async throws {
      try await withTemporaryDirectory { directory in
        let file = "\(directory)/stormfuse.yaml"
        try Data("mode: observe\n".utf8).write(to: URL(filePath: file))
        let target = try sleeper()
        defer { kill(target.processIdentifier, SIGKILL) }
        let binary = try Binary([
          "run", "--config", file, "--admin", "unix:\(directory)/s", "--pid", "\(target.processIdentifier)",
        ])
        #expect(try await binary.says("watching process"), "\(binary.text)")
        try FileManager.default.removeItem(atPath: file)
        try #require(mkfifo(file, 0o600) == 0)
        binary.send(SIGHUP)
        #expect(try await binary.says("is no file that can be read again"), "\(binary.text)")
        binary.send(SIGTERM)
        #expect(try await binary.end() == 0, "\(binary.text)")
      }
    }

    @Test func `a report that can't be written is one sentence with the system's words`() throws {
      let report = try Captured.engine().report()
      let error = #expect(throws: Failure.self) { try writeReport(report, to: "/none/such/report.json") }
      let words = try #require(error).description
      #expect(words.hasPrefix("the report could not be written to /none/such/report.json: "))
      #expect(!words.hasSuffix(".") && !words.contains("?") && !words.contains(".."), "\(words)")
    }

    private func sleeper() throws -> Process {
      let target = Process()
      target.executableURL = URL(filePath: "/bin/sleep")
      target.arguments = ["60"]
      try target.run()
      return target
    }
  }
#endif
