internal import CProbe
internal import Glibc

/// The connected TCP sockets of this network namespace, by sock_diag; that takes no capability.
enum OpenSockets {
  struct Socket {
    /// The same that the capture programs see.
    var cookie: UInt64
    /// The id of the cgroup that owns it; 0 if the kernel does not tell.
    var cgroup: UInt64
    var inode: UInt32
  }

  /// With the error number if they could not be listed.
  static func list() -> (sockets: [Socket], error: Int32) {
    var list: UnsafeMutablePointer<cprobe_socket>?
    var count = 0
    let error = cprobe_sockets(&list, &count)
    defer { free(list) }
    guard error == 0, let list else { return ([], error) }
    return (
      UnsafeBufferPointer(start: list, count: count).map {
        Socket(cookie: $0.cookie, cgroup: $0.cgroup, inode: $0.inode)
      }, 0
    )
  }
}
