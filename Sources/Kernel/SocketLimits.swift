internal import Pipeline

/// What ends a connection whose segments do not get through: limits of its own kernel, of which a hold must stay clear.
package struct SocketLimits: Sendable, Equatable {
  /// net.ipv4.tcp_retries2 of the connection's network namespace: tries before the kernel gives it up.
  package var tcpRetries2: Int
  /// TCP_USER_TIMEOUT; 0 if the application has set none.
  package var userTimeout_ms: Int
  /// Whether something of this is assumed rather than read: the connection is new, or privileges do not suffice.
  package var isDefault: Bool
  package var access: SocketAccess

  package init(tcpRetries2: Int, userTimeout_ms: Int, isDefault: Bool, access: SocketAccess = .unknown) {
    self.tcpRetries2 = tcpRetries2
    self.userTimeout_ms = userTimeout_ms
    self.isDefault = isDefault
    self.access = access
  }

  /// How often a probe has to be sent on it while it is held.
  var probes_ns: Int64 {
    Trickle.forProbes(tcpRetries2: tcpRetries2, userTimeout_ns: .milliseconds(Int64(userTimeout_ms)))
  }

  /// The kernel's own (TCP_RETR2 in include/net/tcp.h), no user timeout.
  package static let assumed = SocketLimits(tcpRetries2: 15, userTimeout_ms: 0, isDefault: true)
}

/// Whether another process's socket can be reached, through pidfd_getfd (Linux 5.6).
package enum SocketAccess: Sendable, Equatable {
  /// No search has found it yet.
  case unknown
  case open(process: Int32, descriptor: Int32)
  /// The system call's error.
  case refused(process: Int32, error: Int32)
}
