#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Where the admin API listens and where a client finds it: `unix:PATH` (a bare path that begins with `/` or `.` also
/// counts) or `tcp:HOST:PORT`.
///
/// Without a token, reach is the API's protection: an address beyond loopback is refused then, for clients too; from
/// elsewhere, forward a port (`kubectl port-forward`, `ssh -L`). A token travels in clear: beyond loopback it belongs on
/// a network that is private or encrypted below.
package enum Listen: Hashable, Sendable, CustomStringConvertible {
  case unix(path: String)
  /// `host` is `localhost`, an address of 127.0.0.0/8 or `::1`, or, where that is allowed, another address or a name;
  /// without brackets. Port 0 lets the kernel choose.
  case tcp(host: String, port: Int)

  package static let standard = Listen.unix(path: "/run/stormfuse.sock")

  package var description: String {
    switch self {
    case .unix(let path): "unix:\(path)"
    case .tcp(let host, let port): host.contains(":") ? "tcp:[\(host)]:\(port)" : "tcp:\(host):\(port)"
    }
  }

  package struct ParseError: Error, Equatable, CustomStringConvertible {
    /// What is wrong and what to write instead.
    package var description: String
  }

  /// How far a TCP address may reach.
  package enum Reach: Sendable {
    /// Where there is no token.
    case loopback
    /// Any IP address, 0.0.0.0 and :: included: to listen on.
    case addresses
    /// Any address or host name: to connect to.
    case names
  }

  package static func parse(_ text: String, reach: Reach = .loopback) throws(ParseError) -> Listen {
    if text.hasPrefix("unix:") { return try unix(String(text.dropFirst(5)), of: text) }
    if text.hasPrefix("/") || text.hasPrefix(".") { return try unix(text, of: text) }
    if text.hasPrefix("tcp:") { return try tcp(String(text.dropFirst(4)), of: text, reach) }
    throw ParseError(description: "\"\(text)\" is not an address: write unix:PATH or tcp:127.0.0.1:PORT")
  }

  /// Where only the metrics are served: `tcp:HOST:PORT`, any address.
  package static func parseMetrics(_ text: String) throws(ParseError) -> Listen {
    guard text.hasPrefix("tcp:") else {
      throw ParseError(
        description: "\"\(text)\" is no address for metrics: write tcp:ADDRESS:PORT, as in tcp:0.0.0.0:9464")
    }
    return try parse(text, reach: .addresses)
  }

  /// Whether others than this machine may reach it.
  package var isBeyondLoopback: Bool {
    if case .tcp(let host, _) = self { !Self.isLoopback(host) } else { false }
  }

  private static func unix(_ path: String, of text: String) throws(ParseError) -> Listen {
    guard !path.isEmpty, !path.hasSuffix("/") else {
      throw ParseError(description: "\"\(text)\" names no socket: write unix:PATH, as in unix:/run/stormfuse.sock")
    }
    guard !path.utf8.contains(0) else { throw ParseError(description: "the socket's path contains a NUL byte") }
    guard path.utf8.count <= longestPath_bytes else {
      throw ParseError(
        description: "the socket's path is \(path.utf8.count) bytes long and the system allows \(longestPath_bytes): "
          + "choose a shorter one (\(path))")
    }
    return .unix(path: path)
  }

  private static func tcp(_ address: String, of text: String, _ reach: Reach) throws(ParseError) -> Listen {
    guard let colon = address.lastIndex(of: ":") else {
      throw ParseError(description: "\"\(text)\" names no port: write tcp:127.0.0.1:PORT")
    }
    var host = String(address[..<colon])
    let digits = address[address.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = UInt16(digits) else {
      throw ParseError(description: "\"\(digits)\" in \"\(text)\" is not a port: a port is a number up to 65535")
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw ParseError(description: "\"\(text)\": an IPv6 address needs brackets, as in tcp:[::1]:\(port)")
    }
    let listen = Listen.tcp(host: host, port: Int(port))
    if isLoopback(host) { return listen }
    switch reach {
    case .loopback:
      throw ParseError(
        description: "\"\(host)\" is not loopback, and without a token reach is the admin API's protection: use "
          + "tcp:127.0.0.1:\(port) or a Unix socket and forward the port if you need it from elsewhere, or give a token "
          + "file")
    case .addresses where addressBytes(host) == nil:
      throw ParseError(
        description: "\"\(host)\" in \"\(text)\" is not an IP address: write one of this machine's, or 0.0.0.0 for all")
    case .names where addressBytes(host) == nil && !isName(host):
      throw ParseError(description: "\"\(host)\" in \"\(text)\" is neither an IP address nor a host name")
    case .addresses, .names: return listen
    }
  }

  /// The 4 or 16 bytes of an IP address in its usual notation; nil if it is none.
  package static func addressBytes(_ text: some StringProtocol) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, String(text), &bytes) == 1 { return Array(bytes.prefix(4)) }
    return inet_pton(AF_INET6, String(text), &bytes) == 1 ? bytes : nil
  }

  /// Letters, digits, hyphens and dots, as host names have them (RFC 1123 section 2.1), and underscores.
  package static func isName(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.count <= 253
      && text.utf8.allSatisfy { byte in
        byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || "-._".utf8.contains(byte)
      }
  }

  /// `localhost`, 127.0.0.0/8 (RFC 1122 section 3.2.1.3) or `::1`.
  package static func isLoopback(_ host: some StringProtocol) -> Bool {
    if host == "::1" || host.lowercased() == "localhost" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127"
      && parts.allSatisfy { part in
        part.utf8.count <= 3 && part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } && UInt8(part) != nil
      }
  }

  /// `sockaddr_un.sun_path` holds 108 bytes on Linux and 104 elsewhere, with a closing NUL. The server binds under a
  /// longer, temporary name first (see `UnixSocket` in Admin), which takes 12 of them.
  #if os(Linux)
    package static let longestPath_bytes = 95
  #else
    package static let longestPath_bytes = 91
  #endif
}
