internal import BPFObjects
internal import CProbe
internal import Glibc

/// The loaded programs that hold without recording (`bpf/enforce.bpf.c`). Gone, with everything attached, when this is
/// closed or released. Belongs to one thread.
final class EnforcePrograms {
  private var enforce: OpaquePointer?
  /// Whether the kernel numbers processes as we do.
  private let numbersProcesses: Bool
  /// What its numbers stand for where it does not: the target's processes that have connected.
  private var outer = [UInt64: Int32]()

  /// Needs CAP_BPF and CAP_NET_ADMIN.
  ///
  /// - Parameter mayTranslate: False does in another PID namespace as kernels before 6.10 do; for tests.
  init(mayTranslate: Bool = true) throws(KernelError) {
    var settings = Programs.settings(ringBytes: 0)
    let translates = mayTranslate && Programs.translates(settings)
    numbersProcesses = settings.pid_namespace_inode == 0 || translates
    LockedMemory.raise()
    var message = [CChar](repeating: 0, count: 65536)
    let bytes = BPFObject.enforce.bytes
    var loaded: OpaquePointer?
    let error = bytes.withUnsafeBytes { bytes in
      message.withUnsafeMutableBufferPointer { message in
        guard let object = bytes.baseAddress, let text = message.baseAddress else { return -EINVAL }
        return cprobe_enforce_open(
          object, bytes.count, &settings, translates, &loaded, text, message.count)
      }
    }
    guard error == 0 else {
      let said = message.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
      throw Programs.refused("load the holding programs", error: error, said: said)
    }
    enforce = loaded
  }

  deinit { close() }

  func close() {
    cprobe_enforce_close(enforce)
    enforce = nil
  }

  /// Valid until `close`; nil after it.
  var holding: cprobe_holding? { enforce.map { cprobe_enforce_holding($0) } }

  /// Tells the kernel which processes are the target's.
  func enter(_ processes: [Int32]) {
    guard let enforce, numbersProcesses else { return }
    var yes: UInt8 = 1
    for var process in processes { _ = cprobe_map_update(cprobe_enforce_members(enforce), &process, &yes, 0) }
  }

  func leave(_ processes: [Int32]) {
    guard let enforce else { return }
    for var process in processes { _ = cprobe_map_delete(cprobe_enforce_members(enforce), &process) }
    let ended = Set(processes)
    for (number, process) in outer where ended.contains(process) {
      var key = UInt32(truncatingIfNeeded: number)
      _ = cprobe_map_delete(cprobe_enforce_members(enforce), &key)
      outer[number] = nil
    }
  }

  /// The processes that connected and that the kernel could not name as we do, each with the cookie of a connection. To be
  /// taken before sockets are listed, so that these are among them.
  func takeOutsiders() -> [UInt64: UInt64] {
    guard let enforce else { return [:] }
    var taken = [UInt64: UInt64]()
    let outsiders = cprobe_enforce_outsiders(enforce)
    var number: UInt64 = 0
    var budget = Int(OUTSIDERS_MAXIMUM.rawValue)
    while budget > 0, cprobe_map_next_key(outsiders, nil, &number) == 0 {
      budget -= 1
      var cookie: UInt64 = 0
      let isThere = cprobe_map_lookup(outsiders, &number, &cookie) == 0
      _ = cprobe_map_delete(outsiders, &number)
      if isThere { taken[number] = cookie }
    }
    return taken
  }

  /// Enters those of them that are the target's: from then on they are refused.
  ///
  /// - Parameter owner: The target's process that has the socket with a cookie open; nil if there is none.
  func learn(_ outsiders: [UInt64: UInt64], owner: (UInt64) -> Int32?) {
    guard let enforce else { return }
    for (number, cookie) in outsiders {
      guard let process = owner(cookie) else { continue }
      var key = UInt32(truncatingIfNeeded: number)
      var yes: UInt8 = 1
      if cprobe_map_update(cprobe_enforce_members(enforce), &key, &yes, 0) == 0 { outer[number] = process }
    }
  }

  func attach(_ path: String, _ part: cprobe_part, in groups: ControlGroups) throws(KernelError) -> Int32 {
    if let refusal = Coexistence.refusal(path) { throw KernelError(.unsupported, refusal) }
    let directory = try groups.open(path)
    defer { Glibc.close(directory) }
    let result = enforce.map { cprobe_enforce_attach($0, directory, part) } ?? -EBADF
    guard result > 0 else { throw Programs.refused("attach to the cgroup \(path)", error: result, said: "") }
    return result
  }

  func detach(_ attachment: Int32) { if let enforce { cprobe_enforce_detach(enforce, attachment) } }
}
