#if os(Linux)
  internal import ArgumentParser
  internal import Kernel

  /// Whom a hold by hand concerns.
  struct HoldTargetOptions: ParsableArguments {
    @Option(
      name: .customLong("cgroup"),
      help: ArgumentHelp(
        "A cgroup v2 directory: a container's, a service's. As in --cgroup /sys/fs/cgroup/orders.slice --action pause "
          + "--duration 30s.", valueName: "path"))
    var cgroup: String?

    @Option(
      name: .customLong("pid"), parsing: .upToNextOption,
      help: ArgumentHelp(
        "Processes, with their descendants. As in --pid 4711 --action pause --duration 30s.", valueName: "pid"))
    var processes: [Int32] = []

    var isGiven: Bool { cgroup != nil || !processes.isEmpty }

    func resolve() throws(KernelError) -> Target {
      if let cgroup { return try .cgroup(cgroup) }
      return try .processes(processes)
    }

    func validate() throws {
      if cgroup != nil && !processes.isEmpty { throw ValidationError("Give --cgroup or --pid, not both.") }
    }
  }
#endif
