internal import CProbe
internal import Glibc

/// Whether our programs can stand beside those that others have attached to a cgroup and above it.
///
/// Programs attached with BPF_F_ALLOW_MULTI (systemd, container runtimes and Cilium do so) all run, in any order: a packet
/// goes on if every one of them agrees. One without it admits no others below; one with BPF_F_ALLOW_OVERRIDE would silently
/// stop working for the cgroup that we attach to.
enum Coexistence {
  /// Why not, in one line; nil if nothing stands against it, or if it can't be told (the query takes CAP_NET_ADMIN).
  static func refusal(_ path: String) -> String? {
    for (index, directory) in ([path] + ControlGroups.ancestors(of: path)).enumerated() {
      let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      for hook in hooks {
        var count: UInt32 = 0
        var flags: UInt32 = 0
        guard cprobe_attached(descriptor, hook, &count, &flags) == 0, count > 0, flags & multi == 0 else { continue }
        let see = "'bpftool cgroup tree' shows it; attach it with BPF_F_ALLOW_MULTI instead"
        if flags & override != 0 && index > 0 {
          return "a program is attached to \(directory) that one below replaces (BPF_F_ALLOW_OVERRIDE): attaching to "
            + "\(path) would switch it off there. \(see)"
        }
        return "a program is attached to \(directory) that admits no others\(index > 0 ? " below it" : ""): \(see)"
      }
    }
    return nil
  }

  /// Programs of the kinds that we attach, anybody's, on this very cgroup; nil if the kernel does not say.
  static func programs(_ path: String) -> Int? {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var sum = 0
    for hook in hooks {
      var count: UInt32 = 0
      var flags: UInt32 = 0
      guard cprobe_attached(descriptor, hook, &count, &flags) == 0 else { return nil }
      sum += Int(count)
    }
    return sum
  }

  private static let hooks = [CPROBE_EGRESS, CPROBE_INGRESS, CPROBE_CONNECT4, CPROBE_CONNECT6]
  /// linux/bpf.h
  private static let override: UInt32 = 1
  private static let multi: UInt32 = 2
}
