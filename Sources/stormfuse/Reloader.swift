#if os(Linux)
  import Admin
  import ConfigurationFile
  import Glibc
  import Kernel
  import Pipeline
  import State
  import Synchronization

  /// Reads the configuration file again when it is told to (SIGHUP), and gives its settings to the running engines.
  ///
  /// A file with a mistake changes nothing: what is wrong is said as at the start. What only the start reads stays as it
  /// is, and is named.
  final class Reloader: Sendable {
    private let path: String
    private let mode: ModeOption?
    private let started: Configuration
    private let engines: [Running]
    private let counts = Mutex(Counts())

    typealias Running = (engine: LiveEngine, box: ReportBox, memory: Memory?)

    private struct Counts {
      var applied = 0
      var refused = 0
    }

    /// - Parameters:
    ///   - mode: The command line's, which wins over every file.
    ///   - started: What was read at the start.
    init(path: String, mode: ModeOption?, started: Configuration, engines: [Running]) {
      self.path = path
      self.mode = mode
      self.started = started
      self.engines = engines
    }

    /// Returns once the file has been read; the engine takes the settings over within its next turn.
    func reload() {
      guard isFile else {
        counts.withLock { $0.refused += 1 }
        let why = "is no file that can be read again, but a pipe or device"
        Terminal.say("stormfuse: \(path) \(why): everything stays as it was")
        for (_, box, memory) in engines { record("refused", memory, target: box.target, why: why) }
        return
      }
      var configuration: Configuration
      do throws(ConfigurationError) {
        configuration = try Configuration.load(path: path)
      } catch {
        counts.withLock { $0.refused += 1 }
        Terminal.say("\(error)\nstormfuse: \(path) has mistakes and is not taken over: everything stays as it was")
        for (_, box, memory) in engines { record("refused", memory, target: box.target, why: error.description) }
        return
      }
      mode?.apply(to: &configuration.settings)
      let atStart = configuration.startDifferences(from: started)
      counts.withLock { $0.applied += 1 }
      for (engine, _, memory) in engines {
        engine.replace(settings: configuration.settings) { [self] change, target in
          let text = Self.text(change, atStart: atStart)
          Terminal.say("stormfuse: \(path) was read again for \(target): \(text)")
          record(change.replaced.isEmpty ? "unchanged" : "changed", memory, target: target, why: text)
        }
      }
    }

    /// To open a pipe may wait for ever, and its end was read at the start. What is missing is for the reader to say.
    private var isFile: Bool {
      var status = stat()
      return stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG || status.st_mode & S_IFMT == S_IFDIR
    }

    /// For `/metrics`.
    var family: MetricFamily {
      let counts = counts.withLock(\.self)
      return MetricFamily(
        name: "stormfuse_configuration_reloads_total", kind: .counter,
        help: "Times that the configuration file was read again, by result.",
        samples: [
          .init(Double(counts.applied), labels: [.init("result", "applied")]),
          .init(Double(counts.refused), labels: [.init("result", "refused")]),
        ])
    }

    static func text(_ change: SettingsChange, atStart: [String]) -> String {
      var parts: [String] = []
      if change.replaced.isEmpty {
        parts.append("nothing is replaced")
      } else {
        parts.append(change.replaced.joined(separator: ", ") + " replaced")
        parts.append("groups with other settings: \(change.groups), with windows that begin anew: \(change.restarted)")
      }
      let deferred = change.deferred + atStart
      if !deferred.isEmpty { parts.append("as before until the next start: \(deferred.joined(separator: ", "))") }
      return parts.joined(separator: "; ")
    }

    /// Of no single breaker, so key and cluster are empty.
    private func record(_ result: String, _ memory: Memory?, target: String, why: String) {
      memory?.record(
        AuditEntry(
          at: Clock.wall, note: OperatorNote(author: "SIGHUP", reason: path), command: "reload", key: "", cluster: "",
          target: target, revision: 0, result: result, held: false, why: why))
    }
  }
#endif
