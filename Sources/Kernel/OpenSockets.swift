internal import CProbe
internal import Glibc

internal import Pipeline

/// The connected TCP sockets of a network namespace, by sock_diag. That takes no capability in our own; another is entered
/// with CAP_SYS_ADMIN.
enum OpenSockets {
  struct Socket {
    /// The same that the capture programs see.
    var cookie: UInt64
    /// The id of the cgroup that owns it; 0 if the kernel does not tell.
    var cgroup: UInt64
    var inode: UInt32
    var remote: Endpoint
  }

  /// With the error number if they could not be listed. `space` is a network namespace's open file, -1 for our own.
  static func list(_ space: Int32 = -1) -> (sockets: [Socket], error: Int32) {
    var list: UnsafeMutablePointer<cprobe_socket>?
    var count = 0
    let error = cprobe_sockets(space, &list, &count)
    defer { free(list) }
    guard error == 0, let list else { return ([], error) }
    return (
      UnsafeBufferPointer(start: list, count: count).map {
        Socket(cookie: $0.cookie, cgroup: $0.cgroup, inode: $0.inode, remote: endpoint($0.remote))
      }, 0
    )
  }

  private static func endpoint(_ remote: remote) -> Endpoint {
    let address = remote.address
    return Endpoint(
      high: UInt64(UInt32(bigEndian: address.0)) << 32 | UInt64(UInt32(bigEndian: address.1)),
      low: UInt64(UInt32(bigEndian: address.2)) << 32 | UInt64(UInt32(bigEndian: address.3)),
      port: UInt16(bigEndian: remote.port))
  }
}
