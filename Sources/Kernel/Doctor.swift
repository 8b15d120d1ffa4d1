internal import CProbe
internal import Glibc

/// What this machine and this process's privileges allow. Loads and attaches the capture programs for a moment, to our own
/// cgroup and in the mode that records nothing; leaves nothing behind.
package enum Doctor {
  package static func checks() -> [Check] {
    [kernel(), hierarchy(), bpf(), netAdmin(), lockedMemory()] + trials() + [leastPrivileges(), byHand(), keepalive()]
      + [processNumbers(), command(), ptrace(), namespaces(), sockets(), unprivileged(), jit(), lockdown(), library()]
  }

  /// Whether capture works: nothing is missing.
  package static func isAble(_ checks: [Check]) -> Bool { !checks.contains { $0.state == .missing } }

  /// The kernels this is made for, in words.
  package static let supported =
    "Linux 5.10 or later is needed; tested on 5.10, 6.1, 6.12, 6.16, 6.17, 6.18 and 7.3 (x86_64)"

  private static func kernel() -> Check {
    let release = KernelVersion.release
    guard let version = KernelVersion(release) else {
      return Check("kernel", .limited, "Linux \(release)", cost: "its version cannot be told", remedy: supported)
    }
    if version >= KernelVersion(5, 10) { return Check("kernel", .ok, "Linux \(release). \(supported)") }
    return Check(
      "kernel", .missing, "Linux \(release)", cost: "no live capture; replay works", remedy: supported)
  }

  private static func lockedMemory() -> Check {
    guard KernelVersion.current < KernelVersion(5, 11) else {
      return Check("memlock", .ok, "of no matter: from Linux 5.11 on BPF memory is the cgroup's")
    }
    LockedMemory.raise()
    guard let limit = LockedMemory.limit else { return Check("memlock", .ok, "RLIMIT_MEMLOCK is high enough") }
    return Check(
      "memlock", .missing, limit.finding, cost: "no live capture: the tables cannot be made",
      remedy: LockedMemory.remedy)
  }

  private static func processNumbers() -> Check {
    let settings = Programs.settings(ringBytes: 0)
    guard settings.pid_namespace_inode != 0 else { return Check("processes", .ok, "in the first PID namespace") }
    if Programs.translates(settings) {
      return Check("processes", .ok, "in a PID namespace, and the kernel names processes as it does")
    }
    return Check(
      "processes", .limited, "in a PID namespace, and the kernel cannot name processes as it does (6.10 and later can)",
      cost:
        "the process of a new connection is found by its socket, within some 50 ms; in a shared cgroup, of a process that "
        + "has not connected before, action block holds the first connection instead of refusing it")
  }

  private static func hierarchy() -> Check {
    do throws(KernelError) {
      let groups = try ControlGroups()
      let own = try groups.path(ofProcess: getpid())
      return Check("cgroup-v2", .ok, "mounted at \(groups.mountPoint); this process is in \(own)")
    } catch {
      return Check("cgroup-v2", .missing, "\(error)", cost: "no live capture: programs are attached to cgroups")
    }
  }

  private static func bpf() -> Check {
    capability(.bpf, .missing, cost: "no live capture: the programs and their tables cannot be loaded")
  }

  private static func netAdmin() -> Check {
    capability(.netAdmin, .missing, cost: "no live capture: the programs cannot be attached to a cgroup")
  }

  private static func ptrace() -> Check {
    capability(
      .sysPtrace, .limited,
      cost:
        "with --pid, connections that another user's process has open already are not seen if its cgroup is shared; "
        + "new ones are, and so is everything with --cgroup")
  }

  private static func namespaces() -> Check {
    if Capability.sysAdmin.isHeld { return Check(Capability.sysAdmin.name, .ok, held) }
    return Check(
      Capability.sysAdmin.name, .limited, "not held",
      cost:
        "of a target in another network namespace, open connections cannot be listed ('fusectl hold' does not find them) "
        + "and net.ipv4.tcp_retries2 is taken for 15",
      remedy: "beside a container share its network namespace; by hand use 'nsenter --net', or be root")
  }

  private static func capability(_ capability: Capability, _ state: Check.State, cost: String) -> Check {
    let isHeld = capability.isHeld
    if isHeld && !(Capability.isInUserNamespace && state == .missing) { return Check(capability.name, .ok, held) }
    return Check(
      capability.name, state, isHeld ? "held in this user namespace only: a rootless container?" : "not held",
      cost: cost, remedy: Capability.grant([capability]))
  }

  private static var held: String {
    Capability.isInUserNamespace ? "held in this user namespace, and good for what is in it" : "held"
  }

  /// Capture as `run` does it, and whether what is captured could be held.
  private static func trials() -> [Check] {
    do throws(KernelError) {
      let programs = try Programs(ringBytes: Capture.usualRingBytes)
      defer { programs.close() }
      let groups = try ControlGroups()
      let own = try groups.path(ofProcess: getpid())
      let attachment = try programs.attach(own, .listedConnecting, in: groups)
      defer { programs.detach(attachment) }
      return [
        Check("trial", .ok, "the capture programs were loaded, and attached to \(own) for a moment"),
        holding(programs, own),
      ]
    } catch {
      return [
        Check("trial", .missing, error.description, cost: "no live capture; replay works", remedy: nil),
        Check(
          "holding", .limited, "not tried, since capture does not work", cost: "nothing can be held", remedy: nil),
      ]
    }
  }

  /// All programs once more with just the two capabilities: the verifier is stricter without CAP_PERFMON, and doctor is
  /// often run as root where the service is not.
  private static func leastPrivileges() -> Check {
    let name = "two-capabilities"
    guard Capability.missing.isEmpty else {
      return Check(
        name, .limited, "not tried: they are not held, or in a user namespace only",
        cost: "nothing can be captured or held")
    }
    var failure: String?
    let error = Capability.withOnly([.bpf, .netAdmin]) {
      do throws(KernelError) {
        try Programs(ringBytes: Capture.usualRingBytes).close()
        try EnforcePrograms().close()
      } catch {
        failure = error.description
      }
    }
    if error != 0 {
      return Check(
        name, .limited, "not tried: other capabilities could not be put aside: \(KernelError.text(error))",
        cost: "whether an unprivileged user could capture and hold is not known")
    }
    guard let failure else {
      return Check(name, .ok, "all programs were loaded with CAP_BPF and CAP_NET_ADMIN alone")
    }
    return Check(
      name, .limited, failure, cost: "a user with CAP_BPF and CAP_NET_ADMIN alone can capture or hold nothing",
      remedy: "grant CAP_PERFMON besides, or run it as root")
  }

  /// The programs of `fusectl hold`.
  private static func byHand() -> Check {
    do throws(KernelError) {
      let programs = try EnforcePrograms()
      defer { programs.close() }
      let groups = try ControlGroups()
      let own = try groups.path(ofProcess: getpid())
      let attachment = try programs.attach(own, CPROBE_HOLD, in: groups)
      programs.detach(attachment)
      return Check(
        "hold-by-hand", .ok, "the programs of 'fusectl hold' were loaded, and attached to \(own) for a moment")
    } catch {
      return Check("hold-by-hand", .limited, error.description, cost: "'fusectl hold' can hold nothing here")
    }
  }

  /// Whether what is held can be kept alive by probes.
  private static func keepalive() -> Check {
    let cost =
      "what is held is kept alive by letting a segment through every few seconds, and each brings deliveries: a prefetch, or a fetch"
    let error = cprobe_nudge_trial()
    guard error == 0 else {
      return Check(
        "keepalive", .limited, "no probe could be sent on a connection of our own: \(Nudger.reason(error, getpid()))",
        cost: cost)
    }
    guard Capability.sysPtrace.isHeld else {
      return Check(
        "keepalive", .limited,
        "probes keep held connections alive, but only in processes of this process's own user: \(Capability.sysPtrace.name) "
          + "is not held",
        cost: "in others " + cost, remedy: Capability.grant([.sysPtrace]))
    }
    return Check(
      "keepalive", .ok,
      "probes keep held connections alive: one was sent on a connection of our own, and other users' sockets can be reached")
  }

  private static func holding(_ programs: Programs, _ own: String) -> Check {
    do throws(KernelError) {
      try programs.beginHolding()
      programs.endHolding()
      return Check(
        "holding", .ok,
        "the programs that hold were loaded (the kernel takes egress answer 2, drop and signal congestion) and swapped in "
          + "and out; nothing at or above \(own) stands against them")
    } catch {
      return Check(
        "holding", .limited, error.description, cost: "in \(own) mode enforce and 'fusectl hold' can hold nothing")
    }
  }

  private static func command() -> Check {
    guard let groups = try? ControlGroups(), let own = try? groups.path(ofProcess: getpid()) else {
      return Check("own-cgroup", .limited, "no cgroup v2", cost: nil)
    }
    let path = "\(own)/stormfuse-doctor-\(getpid())"
    if mkdir(path, 0o755) == 0 {
      let mayEnter = access(path + "/cgroup.procs", W_OK) == 0 && access(own + "/cgroup.procs", W_OK) == 0
      rmdir(path)
      if mayEnter { return Check("own-cgroup", .ok, "a started command gets a cgroup of its own below \(own)") }
    }
    return Check(
      "own-cgroup", .limited, "no cgroup can be made below \(own)",
      cost:
        "'stormfuse run -- COMMAND' shares our cgroup and is told apart by its processes; its neighbours' packets cost "
        + "about 80 ns more each",
      remedy: "delegate the cgroup: Delegate=yes in the systemd unit, or 'systemd-run --user --scope -p Delegate=yes'")
  }

  private static func sockets() -> Check {
    let (sockets, error) = OpenSockets.list()
    guard error == 0 else {
      return Check(
        "sock-diag", .limited, "open sockets cannot be listed: \(KernelError.text(error))",
        cost: "in a shared cgroup, connections that are open already are not seen",
        remedy: "enable CONFIG_INET_DIAG (module tcp_diag)")
    }
    if !sockets.isEmpty, sockets.allSatisfy({ $0.cgroup == 0 }) {
      return Check(
        "sock-diag", .limited, "the kernel does not tell which cgroup owns a socket (5.9 and later do)",
        cost: "a target whose sockets another cgroup owns is not found out")
    }
    return Check("sock-diag", .ok, "\(sockets.count) connected TCP sockets in this network namespace")
  }

  private static func unprivileged() -> Check {
    let value = setting("/proc/sys/kernel/unprivileged_bpf_disabled")
    let words = ["0": "allowed to everybody", "1": "off for good without CAP_BPF", "2": "off without CAP_BPF"]
    return Check(
      "unprivileged-bpf", .ok,
      "kernel.unprivileged_bpf_disabled is \(value ?? "not there"): BPF is \(words[value ?? ""] ?? "unknown"). "
        + "Not needed, since CAP_BPF is")
  }

  private static func jit() -> Check {
    guard setting("/proc/sys/net/core/bpf_jit_enable") == "0" else {
      return Check(
        "bpf-jit", .ok, "net.core.bpf_jit_enable is \(setting("/proc/sys/net/core/bpf_jit_enable") ?? "unknown")")
    }
    return Check(
      "bpf-jit", .limited, "net.core.bpf_jit_enable is 0: programs are interpreted",
      cost: "each packet takes several times as long to look at", remedy: "sysctl net.core.bpf_jit_enable=1")
  }

  private static func lockdown() -> Check {
    guard let text = Files.read("/sys/kernel/security/lockdown") else {
      return Check("lockdown", .ok, "not in use, or not visible here")
    }
    let mode = text.split(separator: "[").dropFirst().first?.split(separator: "]").first.map(String.init) ?? "unknown"
    return Check("lockdown", .ok, "\(mode); it limits reading kernel memory, which capture does not do")
  }

  private static func library() -> Check {
    Check("libbpf", .ok, "version \(String(cString: cprobe_library_version()))")
  }

  private static func setting(_ path: String) -> String? {
    Files.read(path)?.split(separator: "\n").first.map(String.init)
  }
}
