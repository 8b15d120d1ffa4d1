#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The sidecar's own use of the machine; what can't be read is nil.
package struct ProcessStatistics: Equatable, Sendable {
  package var residentMemory_bytes: UInt64?
  package var processor_s: Double?

  package init(residentMemory_bytes: UInt64? = nil, processor_s: Double? = nil) {
    self.residentMemory_bytes = residentMemory_bytes
    self.processor_s = processor_s
  }

  /// Resident pages from /proc/self/statm (second number, proc(5)), processor time from getrusage(2).
  package static func current() -> ProcessStatistics {
    var usage = rusage()
    #if canImport(Glibc)
      let answered = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0
    #else
      let answered = getrusage(RUSAGE_SELF, &usage) == 0
    #endif
    let times = [usage.ru_utime, usage.ru_stime]
    let processor_s = times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
    return ProcessStatistics(
      residentMemory_bytes: residentMemory_bytes(), processor_s: answered ? processor_s : nil)
  }

  private static func residentMemory_bytes() -> UInt64? {
    let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 128)
    let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    let fields = buffer[..<count].split(separator: UInt8(ascii: " "))
    guard fields.count > 1, let pages = UInt64(String(decoding: fields[1], as: UTF8.self)) else { return nil }
    return pages &* UInt64(sysconf(Int32(_SC_PAGESIZE)))
  }
}
