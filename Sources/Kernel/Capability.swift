internal import CProbe
internal import Glibc

/// The capabilities that matter here, with their numbers in linux/capability.h.
enum Capability: Int, CaseIterable {
  case netAdmin = 12
  case sysPtrace = 19
  case sysAdmin = 21
  case perfmon = 38
  case bpf = 39

  var name: String {
    switch self {
    case .netAdmin: "CAP_NET_ADMIN"
    case .sysPtrace: "CAP_SYS_PTRACE"
    case .sysAdmin: "CAP_SYS_ADMIN"
    case .perfmon: "CAP_PERFMON"
    case .bpf: "CAP_BPF"
    }
  }

  /// Whether this thread has it in effect.
  var isHeld: Bool {
    guard let status = Files.read("/proc/thread-self/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
      let mask = UInt64(line.dropFirst(7).drop { $0 == "\t" || $0 == " " }, radix: 16)
    else { return false }
    return mask >> UInt64(rawValue) & 1 == 1
  }

  /// Does something with no other capabilities in effect than these, on a thread of its own: they are a thread's. Returns 0,
  /// or the error that kept it from being done.
  static func withOnly(_ capabilities: [Capability], _ body: () -> Void) -> Int32 {
    let mask = capabilities.reduce(0 as UInt64) { $0 | 1 << UInt64($1.rawValue) }
    return withoutActuallyEscaping(body) { body in
      var errand = Errand(body: body)
      return withUnsafeMutablePointer(to: &errand) { errand in
        cprobe_with_capabilities(mask, { $0?.assumingMemoryBound(to: Errand.self).pointee.body() }, errand)
      }
    }
  }

  private struct Errand { var body: () -> Void }

  /// What capture can't do without and this thread has not. Held in a user namespace other than the first they do not count.
  static var missing: [Capability] { [bpf, netAdmin].filter { !$0.isHeld || isInUserNamespace } }

  /// Whether this process is in a user namespace other than the first, as in a rootless container. For BPF the kernel asks
  /// for capabilities in the first (`capable`, not `ns_capable`). That one has a fixed inode (PROC_USER_INIT_INO in
  /// include/linux/proc_ns.h).
  static let isInUserNamespace = Files.inode("/proc/self/ns/user").map { $0 != 0xefff_fffd } ?? false

  /// How to give a set of capabilities to this executable, with those that it can't do without and those that it has: each of
  /// these ways replaces what was given before.
  static func grant(_ capabilities: [Capability]) -> String {
    guard !isInUserNamespace else {
      return "run it outside of this user namespace, in which a grant is of no use: as a service of the host, or in a "
        + "container that is not rootless (without a user namespace)"
    }
    let names = allCases.filter { capabilities.contains($0) || [.bpf, .netAdmin].contains($0) || $0.isHeld }.map(\.name)
    let path = Files.link("/proc/self/exe") ?? "stormfuse"
    let short = names.map { "\"\($0.dropFirst(4))\"" }.joined(separator: ", ")
    return "sudo setcap \(names.joined(separator: ",").lowercased())+ep \(path); "
      + "or in a systemd unit AmbientCapabilities=\(names.joined(separator: " ")); "
      + "or in Kubernetes securityContext: {capabilities: {add: [\(short)]}}"
  }
}
