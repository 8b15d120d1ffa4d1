internal import Glibc

/// Sees to it that no packet is decided by two stormfuses, which would eat the trickle that keeps a connection alive: who
/// holds in a cgroup of the target's own keeps its directory locked for himself (flock), who holds in a shared one keeps it
/// locked together with others, and both keep all directories above locked together with others. So whoever would hold
/// above, below or at the same place is refused; the locks vanish with their process, however it ends.
///
/// Two that share a cgroup are kept apart by connections (`ConnectionLocks`). Who may open the directory may take the lock; then nothing
/// is held and the refusal says so, which is the safe side.
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
