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

  static var missing: [Capability] { [bpf, netAdmin].filter { !$0.isHeld } }

  /// How to give a set of capabilities to this executable.
  static func grant(_ capabilities: [Capability]) -> String {
    let names = capabilities.map(\.name)
    let path = Files.link("/proc/self/exe") ?? "stormfuse"
    let short = names.map { "\"\($0.dropFirst(4))\"" }.joined(separator: ", ")
    return "sudo setcap \(names.joined(separator: ",").lowercased())+ep \(path); "
      + "or in a systemd unit AmbientCapabilities=\(names.joined(separator: " ")); "
      + "or in Kubernetes securityContext: {capabilities: {add: [\(short)]}}"
  }
}
