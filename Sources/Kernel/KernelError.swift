internal import Glibc

/// What the kernel refused, or what is not as it must be. The description is one line: what happened, why, what to do.
package struct KernelError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// This process lacks a capability.
    case permission
    /// This kernel or this machine's set-up cannot do it.
    case unsupported
    /// The process or cgroup that was named does not exist (any more), or was named wrongly.
    case noSuchTarget
    /// The command could not be started; a shell would exit with this status (126 not executable, 127 not found).
    case cannotStart(status: Int32)
    /// Anything else.
    case failed
  }

  package var kind: Kind
  package var description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// The C library's text for an error number, of either sign.
  static func text(_ error: Int32) -> String {
    String(cString: strerror(abs(error)))
  }
}
