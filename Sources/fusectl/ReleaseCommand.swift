#if os(Linux)
  internal import ArgumentParser
  internal import Glibc
  internal import Kernel

  /// `fusectl release`: ends what `fusectl hold` holds.
  struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "release", abstract: "Ends holds that were made by hand; all of them, or those of a target.",
      discussion: """
        What a running stormfuse holds is not touched: see 'fusectl reset' and 'fusectl override'.

        Exit codes: 0 let go; 1 there was nothing to release, or a guard could not be ended.
        """)

    @OptionGroup var target: HoldTargetOptions

    func run() throws {
      do {
        var records = HoldRecord.all()
        if target.isGiven { records = try records.filter(matching()) }
        guard !records.isEmpty else {
          throw KernelError(
            .noSuchTarget,
            "nothing is held by hand\(target.isGiven ? " there" : ""); what a running stormfuse holds, 'fusectl reset' lets go"
          )
        }
        for record in records { try end(record) }
      } catch let error as KernelError {
        Terminal.say("fusectl: \(error)")
        throw ExitCode(1)
      }
    }

    private func matching() throws(KernelError) -> (HoldRecord) -> Bool {
      if target.cgroup == nil {
        // The guard's own number will do as well.
        let processes = target.processes
        return { record in
          processes.contains(record.process) || record.processes.contains { processes.contains($0) }
        }
      }
      guard case .cgroup(let path) = try target.resolve().kind else { return { _ in false } }
      return { $0.cgroup == path }
    }

    private func end(_ record: HoldRecord) throws(KernelError) {
      let what = record.cgroup ?? "processes \(record.processes.map(String.init).joined(separator: ", "))"
      guard kill(record.process, SIGTERM) == 0 || errno == ESRCH else {
        throw KernelError(
          .permission,
          "the process \(record.process) that holds \(what) could not be ended: \(String(cString: strerror(errno))). "
            + "Run this as the user who started it")
      }
      for _ in 0..<Self.patience where record.isAlive { usleep(50_000) }
      if record.isAlive {
        throw KernelError(
          .failed,
          "the process \(record.process) that holds \(what) did not end; 'kill -9 \(record.process)' lets go as well")
      }
      print("released \(what) (\(record.action), process \(record.process))")
    }

    /// Looks of 50 ms.
    private static let patience = 100
  }
#endif
