internal import Glibc

/// Prevents two stormfuse processes from deciding about the same packet: both would take from the trickle that keeps a
/// connection alive.
///
/// A process that holds takes flock(2) on the cgroup's directory: exclusive if the cgroup is the target's own, shared if
/// other processes are in it. It takes a shared lock on every directory above. So an exclusive hold conflicts with every
/// hold in the same cgroup or below it. The kernel drops the locks when the process ends. Holds in a shared cgroup are kept
/// apart by connection (`ConnectionLocks`).
///
/// Any process that can open the directory can take the lock. Then holding is refused with that reason, which is safe.
struct HoldLocks: ~Copyable {
  private let descriptors: [Int32]

  /// - Parameter isExclusive: the cgroup is the target's own.
  init(_ path: String, isExclusive: Bool) throws(KernelError) {
    var descriptors = [Int32]()
    var refusal: String?
    for (index, directory) in ([path] + ControlGroups.ancestors(of: path)).enumerated() where refusal == nil {
      let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      // What is above and not ours to open is not ours to hold in either.
      guard descriptor >= 0 else {
        if index == 0 { refusal = "the cgroup \(path) cannot be opened: \(KernelError.text(errno))" }
        continue
      }
      descriptors.append(descriptor)
      let isOwn = index == 0 && isExclusive
      if flock(descriptor, (isOwn ? LOCK_EX : LOCK_SH) | LOCK_NB) != 0 {
        let own = isExclusive ? "in \(path) or below it" : "in \(path)"
        let place = index == 0 ? own : "in \(directory), above \(path)"
        refusal =
          errno == EWOULDBLOCK
          ? "another stormfuse or 'fusectl hold' holds traffic \(place), and two would decide about the same packets: end "
            + "that one first ('fusectl release' ends those made by hand)"
          : "the cgroup \(directory) cannot be locked: \(KernelError.text(errno))"
      }
    }
    if let refusal {
      for descriptor in descriptors { close(descriptor) }
      throw KernelError(.failed, refusal)
    }
    self.descriptors = descriptors
  }

  deinit { for descriptor in descriptors { close(descriptor) } }
}
