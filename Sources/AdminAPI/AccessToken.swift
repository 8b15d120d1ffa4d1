#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The secret that permits changes over TCP, sent as `Authorization: Bearer …` (RFC 6750 section 2.1).
///
/// Deliberately neither Equatable nor Hashable, so that nothing can compare it but `matches`; its description is never
/// its text.
package struct AccessToken: Sendable, CustomStringConvertible, CustomReflectable {
  private let bytes: [UInt8]

  /// Shorter ones could be guessed.
  package static let fewest_bytes = 16
  package static let most_bytes = 4096

  package struct ReadError: Error, Equatable, CustomStringConvertible {
    /// What is wrong with the file and what to do.
    package var description: String
  }

  /// Reads a file: one token of visible ASCII characters, white space around it aside.
  ///
  /// Refused: a file that every user may read or write, what is no regular file, fewer than 16 or more than 4,096 bytes.
  /// Symbolic links are followed: that is how secrets are mounted.
  package static func read(path: String) throws(ReadError) -> AccessToken {
    // Not waiting for a writer, should it be a pipe.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let remedy =
        errno == ENOENT
        ? "make one with \"(umask 077; head -c 32 /dev/urandom | base64 > \(path))\", or name another"
        : "let this user read it, or name another"
      throw ReadError(
        description: "the token file \(path) can't be read (\(String(cString: strerror(errno)))): \(remedy)")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw ReadError(description: "the token file \(path) is not a regular file: name a file that holds the token")
    }
    guard status.st_mode & 0o006 == 0 else {
      throw ReadError(
        description: "every user of this machine may read or write the token file \(path): chmod o= \(path) "
          + "(in a Kubernetes secret, defaultMode: 0440)")
    }
    var content = [UInt8](repeating: 0, count: most_bytes + 64)
    var filled = 0
    while filled < content.count {
      let count = content.withUnsafeMutableBytes { buffer in
        pread(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled, off_t(filled))
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw ReadError(description: "the token file \(path) can't be read: \(String(cString: strerror(errno)))")
      }
      if count == 0 { break }
      filled += count
    }
    return try AccessToken(content[..<filled], from: path)
  }

  /// `name` says in errors where the bytes come from.
  init(_ content: some BidirectionalCollection<UInt8>, from name: String) throws(ReadError) {
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0d).contains($0) }
    var bytes = Array(content.drop(while: isSpace))
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    guard bytes.count >= Self.fewest_bytes, bytes.count <= Self.most_bytes else {
      throw ReadError(
        description: "the token in \(name) has \(bytes.count) bytes and must have \(Self.fewest_bytes) to "
          + "\(Self.most_bytes): make one with \"head -c 32 /dev/urandom | base64\"")
    }
    guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw ReadError(
        description: "the token in \(name) holds white space or other than visible ASCII characters: make one with "
          + "\"head -c 32 /dev/urandom | base64\"")
    }
    self.bytes = bytes
  }

  /// Whether this is the token. The time it takes depends on the length of `presented` alone.
  package func matches(_ presented: some StringProtocol) -> Bool {
    Self.difference(Array(presented.utf8), bytes) == 0
  }

  /// 0 if both are equal. Looks at every byte of `presented`, wherever the first difference is.
  @inline(never) static func difference(_ presented: [UInt8], _ secret: [UInt8]) -> UInt64 {
    guard !secret.isEmpty else { return 1 }
    var difference = UInt64(bitPattern: Int64(presented.count ^ secret.count))
    for index in presented.indices {
      difference |= UInt64(presented[index] ^ secret[index % secret.count])
    }
    return difference
  }

  /// What a client sends.
  package var authorization: String { "Bearer " + String(decoding: bytes, as: UTF8.self) }

  package var description: String { "(a token)" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
