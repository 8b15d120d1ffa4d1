import Glibc

/// A TCP connection over loopback, both ends in this process.
final class Wire {
  enum Family: CaseIterable { case v4, v6, mapped }
  enum End { case client, server }

  private(set) var client: Int32 = -1
  private(set) var server: Int32 = -1
  let port: UInt16
  private let listener: Int32
  private let family: Family
  /// Payload bytes in a segment of the client's; 0: what loopback has room for.
  private let segmentSize: Int32

  /// Listens; `connect` makes the connection.
  init(_ family: Family = .v4, segmentSize: Int32 = 0) throws {
    self.family = family
    self.segmentSize = segmentSize
    let domain = family == .v4 ? AF_INET : AF_INET6
    let listener = socket(domain, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.listener = listener
    var off: Int32 = 0
    if domain == AF_INET6 { setsockopt(listener, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, 4) }
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    var bound = sockaddr_in6()
    guard Self.withAddress(family, port: 0, { bind(listener, $0, $1) }) == 0, listen(listener, 16) == 0,
      withUnsafeMutablePointer(
        to: &bound,
        { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) } }) == 0
    else { throw WireError(what: "listen", error: errno) }
    // The port stands at the same place in both families.
    port = UInt16(bigEndian: bound.sin6_port)
  }

  convenience init(connected family: Family, segmentSize: Int32 = 0) throws {
    try self.init(family, segmentSize: segmentSize)
    try connect()
  }

  deinit {
    closeClient()
    closeServer()
    close(listener)
  }

  func connect() throws {
    client = socket(family == .v4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var size = segmentSize
    if size > 0 { setsockopt(client, Int32(IPPROTO_TCP), TCP_MAXSEG, &size, 4) }
    guard Self.withAddress(family, port: port, { Glibc.connect(client, $0, $1) }) == 0 else {
      throw WireError(what: "connect", error: errno)
    }
    try accept()
  }

  func accept() throws {
    server = Glibc.accept(listener, nil, nil)
    guard server >= 0 else { throw WireError(what: "accept", error: errno) }
    _ = fcntl(server, F_SETFD, FD_CLOEXEC)
    var one: Int32 = 1
    for end in [client, server] { setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4) }
  }

  /// Sends and receives in turn, so that one thread suffices.
  func send(_ bytes: [UInt8], from end: End = .client, stride: Int = 300_000) throws {
    let (from, to) = end == .client ? (client, server) : (server, client)
    var received = [UInt8](repeating: 0, count: stride)
    var at = 0
    while at < bytes.count {
      let sent = bytes[at..<min(at + stride, bytes.count)].withUnsafeBytes {
        Glibc.send(from, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
      }
      guard sent > 0 else { throw WireError(what: "send", error: errno) }
      var left = sent
      while left > 0 {
        let count = recv(to, &received, left, 0)
        guard count > 0 else { throw WireError(what: "recv", error: errno) }
        left -= count
      }
      at += sent
    }
  }

  /// Sends without anybody receiving; returns how much the kernel took.
  @discardableResult
  func write(_ bytes: [UInt8], from end: End = .client) -> Int {
    max(0, Glibc.send(end == .client ? client : server, bytes, bytes.count, Int32(MSG_DONTWAIT)))
  }

  /// What arrives within `wait_ms`, or until it is `count` bytes.
  func receive(_ count: Int = .max, at end: End = .server, wait_ms: Int) -> [UInt8] {
    var received = [UInt8]()
    var chunk = [UInt8](repeating: 0, count: 65536)
    let descriptor = end == .client ? client : server
    let deadline = ContinuousClock.now + .milliseconds(wait_ms)
    while received.count < count, ContinuousClock.now < deadline {
      var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waited, 1, 5) == 1 else { continue }
      let got = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
      guard got > 0 else { break }
      received += chunk[..<got]
    }
    return received
  }

  /// Bytes that an end has sent and the other's kernel has not acknowledged (SIOCOUTQ, the same number as TIOCOUTQ).
  func unacknowledged(_ end: End) -> Int {
    var count: Int32 = 0
    _ = ioctl(end == .client ? client : server, UInt(TIOCOUTQ), &count)
    return Int(count)
  }

  func closeClient() {
    if client >= 0 { close(client) }
    client = -1
  }

  func closeServer() {
    if server >= 0 { close(server) }
    server = -1
  }

  var cookie: UInt64 { Self.cookie(client) }
  var serverCookie: UInt64 { Self.cookie(server) }

  private static func cookie(_ descriptor: Int32) -> UInt64 {
    var cookie: UInt64 = 0
    var length = socklen_t(8)
    // SO_COOKIE of asm-generic/socket.h
    getsockopt(descriptor, SOL_SOCKET, 57, &cookie, &length)
    return cookie
  }

  private static func withAddress(
    _ family: Family, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    func call<Address>(_ address: Address) -> Int32 {
      withUnsafePointer(to: address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
      }
    }
    if family == .v4 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      return call(address)
    }
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_port = port.bigEndian
    inet_pton(AF_INET6, family == .v6 ? "::1" : "::ffff:127.0.0.1", &address.sin6_addr)
    return call(address)
  }
}

struct WireError: Error, CustomStringConvertible {
  var what: String
  var error: Int32
  var description: String { "\(what): \(String(cString: strerror(error)))" }
}

/// Bytes that differ at every place, so that a shift shows.
func pattern(_ count: Int, seed: UInt32 = 1) -> [UInt8] {
  var state = seed
  return (0..<count).map { _ in
    state = state &* 1_664_525 &+ 1_013_904_223
    return UInt8(state >> 24)
  }
}
