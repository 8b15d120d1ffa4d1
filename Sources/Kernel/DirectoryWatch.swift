internal import Glibc

/// Tells when something is made in a directory (inotify), so that a cgroup which was removed and made again is attached to
/// before its first process has begun. Without inotify nothing is told, and the next look finds it.
final class DirectoryWatch: Sendable {
  /// Ready to be read when something was made; -1 if there is none to be had.
  let descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Watches the directory in which `path` lies. To be called again, since that one may be removed and made again as well:
  /// for one that is watched already it changes nothing.
  func watch(parentOf path: String) {
    guard descriptor >= 0, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
    inotify_add_watch(descriptor, String(path[..<slash]), UInt32(IN_CREATE | IN_ONLYDIR))
  }

  /// Takes what was told: only that something was is of interest.
  func take() {
    var events = [UInt8](repeating: 0, count: 4096)
    while read(descriptor, &events, events.count) > 0 {}
  }
}
