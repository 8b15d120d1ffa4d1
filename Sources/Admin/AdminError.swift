internal import AdminAPI
internal import NIOCore

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Why the admin API can't be served, and what to do.
package struct AdminError: Error, Equatable, CustomStringConvertible {
  package var description: String

  init(description: String) { self.description = description }

  init(_ error: any Error, listen: Listen, isMetrics: Bool = false) {
    switch error {
    case let error as AdminError: self = error
    case let error as IOError:
      self.init(errno: error.errnoCode, doing: "listening", listen: listen, isMetrics: isMetrics)
    default: self.init(description: "\(Self.name(isMetrics)) can't listen on \(listen): \(error)")
    }
  }

  init(errno code: Int32, doing what: String, listen: Listen, isMetrics: Bool = false) {
    let option = isMetrics ? "--metrics" : "--admin"
    let reason =
      switch (code, listen) {
      case (EADDRINUSE, .tcp(_, let port)):
        "port \(port) is in use: stop what listens there (ss -ltnp), or choose another with \(option)"
      case (EADDRNOTAVAIL, _): "this machine has no such address: use one of its own (ip address), or 127.0.0.1"
      case (EACCES, .tcp), (EPERM, .tcp): "ports below 1024 need a privilege: choose a higher one with \(option)"
      case (EACCES, .unix(let path)), (EPERM, .unix(let path)):
        "this user may not create files in \(Self.directory(of: path)): choose another directory with --admin unix:PATH"
      case (ENOENT, .unix(let path)): "there is no directory \(Self.directory(of: path)): create it"
      case (EROFS, .unix(let path)):
        "\(Self.directory(of: path)) is on a read-only file system: choose another with --admin unix:PATH"
      default: String(cString: strerror(code))
      }
    self.init(description: "\(Self.name(isMetrics)) can't listen on \(listen) (\(what)): \(reason)")
  }

  private static func name(_ isMetrics: Bool) -> String { isMetrics ? "the metrics" : "the admin API" }

  static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
