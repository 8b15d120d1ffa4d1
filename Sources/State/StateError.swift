#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What the state directory can't do. The description is one line: what happened, why, what to do.
package struct StateError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// The directory can't be used: not there, no directory, open to others, no permission.
    case unusable
    /// Another process has it.
    case locked
    /// No space or no quota left.
    case full
    /// The file system is read-only.
    case readOnly
    /// The disk does not answer.
    case hanging
    /// The disk or the system failed.
    case failed
    /// The writer was closed before.
    case closed
  }

  package var kind: Kind
  package var description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// - Parameters:
  ///   - action: What can't be done, as in `the breakers' state can't be saved in /var/lib/stormfuse`.
  init(_ action: String, _ failure: FileFailure) {
    let (kind, remedy): (Kind, String) =
      switch failure.code {
      case ENOSPC: (.full, "no space left on its file system: make room")
      case EDQUOT: (.full, "its disk quota is used up: raise it or make room")
      case EROFS: (.readOnly, "its file system is read-only: mount it writable or choose another directory")
      case EACCES, EPERM: (.unusable, "this user may not write there: grant it or choose another directory")
      case ENOENT: (.unusable, "it is gone: it must not be removed while stormfuse runs")
      case EMFILE, ENFILE: (.failed, "too many open files: raise the limit")
      case EIO: (.failed, "input/output error: look at the disk and the kernel's log")
      case let code: (.failed, "\(Self.text(code)): look at the file system")
      }
    self.init(kind, "\(action): \(remedy) (\(failure.step))")
  }

  /// The C library's text for an error number.
  static func text(_ code: Int32) -> String {
    String(cString: strerror(code))
  }
}

/// A system call that failed: which step of which file, and the error number.
struct FileFailure: Error, Equatable {
  var step: String
  var code: Int32
}
