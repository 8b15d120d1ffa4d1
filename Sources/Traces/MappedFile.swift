#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A regular file mapped for reading once from front to back. What has been read is given back to the system as
/// reading goes on, so that resident memory stays small whatever the file's size.
///
/// The file must not be truncated by others while it is being read: the system ends a process that touches what is
/// gone (SIGBUS).
final class MappedFile {
  let bytes: UnsafeRawBufferPointer
  private var released = 0

  init(path: String) throws(TraceProblem) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw TraceProblem(
        kind: .cannotOpen, path: path, offset: 0, what: "can't be opened: \(String(cString: strerror(errno)))",
        advice: "check the path and its permissions")
    }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw TraceProblem(
        kind: .notAFile, path: path, offset: 0, what: "is not a regular file",
        advice: "write the capture to a file first and name that")
    }
    let size = Int(information.st_size)
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw TraceProblem(
        kind: .cannotOpen, path: path, offset: 0, what: "can't be mapped: \(String(cString: strerror(errno)))",
        advice: "check the limits on address space (ulimit -v)")
    }
    madvise(start, size, MADV_SEQUENTIAL)
    bytes = UnsafeRawBufferPointer(start: start, count: size)
    fetch(from: 0)
  }

  /// Nothing before `offset` is needed again soon.
  @inline(__always) func release(before offset: Int) {
    if offset - released >= Self.releaseStep { giveBack(before: offset) }
  }

  private func giveBack(before offset: Int) {
    let page = 65_536  // a multiple of every page size in use
    let end = offset / page * page
    guard end > released, let base = bytes.baseAddress else { return }
    madvise(UnsafeMutableRawPointer(mutating: base + released), end - released, MADV_DONTNEED)
    released = end
    fetch(from: end)
  }

  /// Maps the pages that are read until the next step in one call: a fault for every few of them costs more. Where the
  /// system can't (Linux before 5.14, others) they fault as they are read.
  private func fetch(from offset: Int) {
    #if os(Linux)
      guard let base = bytes.baseAddress, offset < bytes.count else { return }
      let end = min(bytes.count, offset + Self.releaseStep + Self.margin)
      madvise(UnsafeMutableRawPointer(mutating: base + offset), end - offset, Self.populateRead)
    #endif
  }

  deinit {
    if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }

  private static let releaseStep = 1 << 20
  /// The packet at which a step ends reaches beyond it.
  private static let margin = 65_536
  /// MADV_POPULATE_READ (linux/mman.h), by its number for C libraries that do not name it.
  private static let populateRead: Int32 = 22
}
