#if os(Linux)
  import ArgumentParser
  import Glibc
  import Pipeline

  struct RecordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "record", abstract: "Writes a consumer's broker traffic to a capture file.",
      usage: TargetOptions.usage("record --output FILE"),
      discussion: """
        The file is pcapng, mode 0600; Wireshark reads it, and 'stormfuse replay' makes the live run's report of it. \
        Message bodies and credentials are zeroed, lengths kept; message headers and names stay. Watches the consumer as \
        'run' does meanwhile.
        """)

    @OptionGroup var target: TargetOptions
    @Option(name: .shortAndLong, help: "The file to write.")
    var output: String
    @Flag(help: "Write over the file if there is one.")
    var overwrite = false
    @Flag(help: "Record message bodies and credentials as well: think of who may read the file.")
    var withBodies = false
    @Option(help: "Stop recording at this size.")
    var maxBytes: UInt64 = 1 << 30
    @OptionGroup var watching: WatchOptions

    func validate() throws {
      if target.several.count > 1 {
        throw ValidationError("A recording is of one target: run record once for each.")
      }
      if !overwrite, access(output, F_OK) == 0 {
        throw ValidationError("\(output) is there already: name another file, or give --overwrite.")
      }
    }

    func run() async throws {
      let recording = Recording(path: output, limit_bytes: maxBytes, withBodies: withBodies)
      try await LiveRun(choices: try target.choices, options: watching, recording: recording).run()
    }
  }

  /// What `record` asks of a live run.
  struct Recording: Sendable {
    var path: String
    var limit_bytes: UInt64
    var withBodies: Bool
  }
#endif
