internal import BPFObjects
internal import CProbe
internal import Glibc
internal import Synchronization

/// The loaded capture programs with their maps. Gone, with everything attached, when this is closed or released.
///
/// May be used from several threads: the handle sits behind a lock, and a map's descriptor is used only while the lock
/// says that it is still open.
final class Programs: Sendable {
  enum Mode {
    case all, listed, listedConnecting
    fileprivate var c: cprobe_mode {
      switch self {
      case .all: CPROBE_ALL
      case .listed: CPROBE_LISTED
      case .listedConnecting: CPROBE_LISTED_CONNECTING
      }
    }
  }

  /// What the owner of the ring needs. The pointers are valid until `close`.
  struct Mapped {
    var ring: cprobe_ring
    var descriptor: Int32
    let state: UnsafeMutablePointer<capture_state>
  }

  /// Whether the kernel numbers processes as we do; else those that connect come with `PROCESS_OUTER`.
  let numbersProcesses: Bool
  private let handle: Mutex<Handle>
  private struct Handle {
    var capture: OpaquePointer?
    var places = [Int32: Place]()
    var isHolding = false
    /// Why a cgroup that came while something was held is left out.
    var leftOut: String?
  }

  /// A cgroup with our programs.
  private final class Place {
    let path: String
    let mode: Mode
    /// Kept while its egress program decides.
    var locks: Locks?
    init(_ path: String, _ mode: Mode) {
      self.path = path
      self.mode = mode
    }
  }

  /// A box for what can't be copied.
  private final class Locks {
    let locks: HoldLocks
    init(_ locks: consuming HoldLocks) { self.locks = locks }
  }

  /// Loads the programs; needs CAP_BPF and CAP_NET_ADMIN.
  ///
  /// - Parameter mayTranslate: False does in another PID namespace as kernels before 6.10 do.
  init(ringBytes: Int, mayTranslate: Bool = true) throws(KernelError) {
    var options = cprobe_options()
    options.ring_bytes = UInt32(ringBytes)
    options.connections = UInt32(CONNECTIONS_MAXIMUM.rawValue)
    options.settings = Self.settings(ringBytes: ringBytes)
    options.translates = mayTranslate && Self.translates(options.settings)
    numbersProcesses = options.settings.pid_namespace_inode == 0 || options.translates
    LockedMemory.raise()
    var capture: OpaquePointer?
    var message = [CChar](repeating: 0, count: 65536)
    let bytes = BPFObject.capture.bytes
    let error = bytes.withUnsafeBytes { bytes in
      message.withUnsafeMutableBufferPointer { message in
        guard let object = bytes.baseAddress, let text = message.baseAddress else { return -EINVAL }
        return cprobe_open(object, bytes.count, &options, &capture, text, message.count)
      }
    }
    guard error == 0 else {
      let said = message.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
      throw Self.refused("load the capture programs", error: error, said: said)
    }
    handle = Mutex(Handle(capture: capture))
  }

  deinit { close() }

  func close() {
    handle.withLock {
      cprobe_close($0.capture)
      $0.capture = nil
      $0.places = [:]
      $0.isHolding = false
    }
  }

  /// Nil once closed.
  var mapped: Mapped? {
    handle.withLock {
      guard let capture = $0.capture else { return nil }
      return Mapped(ring: cprobe_ring(capture), descriptor: cprobe_maps(capture).ring, state: cprobe_state(capture))
    }
  }

  /// Does something with the maps' descriptors and the number of the current sweep; nil once closed.
  func withMaps<Value: Sendable>(_ body: (cprobe_maps, _ epoch: UInt32) -> Value) -> Value? {
    handle.withLock { handle -> Value? in
      guard let capture = handle.capture else { return nil }
      return body(cprobe_maps(capture), cprobe_state(capture).pointee.epoch)
    }
  }

  /// Attaches to the cgroup at `path`; the number is for `detach`. While something is held, its egress decides at once.
  func attach(_ path: String, _ mode: Mode, in groups: ControlGroups) throws(KernelError) -> Int32 {
    if let refusal = Coexistence.refusal(path) { throw KernelError(.unsupported, refusal) }
    let directory = try groups.open(path)
    defer { Glibc.close(directory) }
    let result = handle.withLock { handle -> Int32 in
      guard let capture = handle.capture else { return -EBADF }
      let number = cprobe_attach(capture, directory, mode.c)
      guard number > 0 else { return number }
      let place = Place(path, mode)
      handle.places[number] = place
      if handle.isHolding {
        do throws(KernelError) { try Self.hold(capture, number, place) } catch { handle.leftOut = error.description }
      }
      return number
    }
    guard result > 0 else { throw Self.refused("attach to the cgroup \(path)", error: result, said: "") }
    return result
  }

  func detach(_ attachment: Int32) {
    handle.withLock {
      if let capture = $0.capture { cprobe_detach(capture, attachment) }
      $0.places[attachment] = nil
    }
  }

  /// The tables of what is held; nil once closed. Its pointers are valid until `close`.
  var holding: cprobe_holding? { handle.withLock { $0.capture.map { cprobe_holding($0) } } }

  var isHolding: Bool { handle.withLock { $0.isHolding } }

  /// From now on all egress programs decide before they record. Does all of it or nothing.
  func beginHolding() throws(KernelError) {
    try handle.withLock { (handle) throws(KernelError) in
      guard let capture = handle.capture else {
        throw KernelError(.failed, "the capture was closed: nothing can be held")
      }
      guard !handle.isHolding else { return }
      do throws(KernelError) {
        for (number, place) in handle.places { try Self.hold(capture, number, place) }
      } catch {
        for (number, place) in handle.places { Self.letGo(capture, number, place) }
        throw error
      }
      handle.isHolding = true
      handle.leftOut = nil
    }
  }

  func endHolding() {
    handle.withLock { handle in
      guard let capture = handle.capture, handle.isHolding else { return }
      for (number, place) in handle.places { Self.letGo(capture, number, place) }
      handle.isHolding = false
      handle.leftOut = nil
    }
  }

  /// Tries again where a cgroup that came while something was held was left out. To be called every so often.
  func holdLeftOut() {
    handle.withLock { handle in
      guard let capture = handle.capture, handle.isHolding, handle.leftOut != nil else { return }
      handle.leftOut = nil
      for (number, place) in handle.places where place.locks == nil {
        do throws(KernelError) { try Self.hold(capture, number, place) } catch { handle.leftOut = error.description }
      }
    }
  }

  /// While something is held: why it is not held in a cgroup that came since; nil if there is none such.
  var leftOut: String? { handle.withLock { $0.leftOut } }

  /// Why nothing can be held here, or not everywhere; nil if it can.
  var whyCannotHold: String? {
    handle.withLock { handle in
      guard handle.capture != nil else { return "the capture was closed" }
      if let leftOut = handle.leftOut { return leftOut }
      for place in handle.places.values {
        if let refusal = Coexistence.refusal(place.path) { return refusal }
        if place.locks != nil { continue }
        do throws(KernelError) { _ = try HoldLocks(place.path, isExclusive: place.mode == .all) } catch {
          return error.description
        }
      }
      return nil
    }
  }

  private static func hold(_ capture: OpaquePointer, _ number: Int32, _ place: Place) throws(KernelError) {
    place.locks = Locks(try HoldLocks(place.path, isExclusive: place.mode == .all))
    let error = cprobe_hold(capture, number, true)
    guard error == 0 else {
      place.locks = nil
      throw refused("hold traffic in the cgroup \(place.path)", error: error, said: "")
    }
  }

  private static func letGo(_ capture: OpaquePointer, _ number: Int32, _ place: Place) {
    guard place.locks != nil else { return }
    _ = cprobe_hold(capture, number, false)
    place.locks = nil
  }

  /// Nanoseconds spent in the programs and how often they ran; both 0 unless kernel.bpf_stats_enabled is 1.
  var cost: (run_ns: UInt64, runs: UInt64) {
    handle.withLock {
      var cost: (run_ns: UInt64, runs: UInt64) = (0, 0)
      if let capture = $0.capture { cprobe_cost(capture, &cost.run_ns, &cost.runs) }
      return cost
    }
  }

  static func settings(ringBytes: Int) -> capture_settings {
    var settings = capture_settings()
    settings.wake_fill_bytes = UInt64(ringBytes / 8)
    var status = stat()
    // The first pid namespace has a fixed inode (PROC_PID_INIT_INO in include/linux/proc_ns.h). In any other one the
    // kernel must translate the processes it names to us.
    if stat("/proc/self/ns/pid", &status) == 0 && status.st_ino != 0xefff_fffc {
      settings.pid_namespace_device = UInt64(status.st_dev)
      settings.pid_namespace_inode = UInt64(status.st_ino)
    }
    return settings
  }

  /// Whether the kernel can name processes as we number them, in a PID namespace other than the first (Linux 6.10).
  static func translates(_ settings: capture_settings) -> Bool {
    settings.pid_namespace_inode != 0 && cprobe_translates(settings.pid_namespace_device, settings.pid_namespace_inode)
  }

  static func refused(_ what: String, error: Int32, said: String) -> KernelError {
    let reason = KernelError.text(error)
    let missing = Capability.missing
    // EINVAL: libbpf hides from the kernel what kind of program it loads if it lacks CAP_NET_ADMIN to ask, and the verifier
    // then takes exception to what the program returns.
    if [EPERM, EACCES, EINVAL].contains(abs(error)), !missing.isEmpty {
      let names = missing.map(\.name).joined(separator: " and ")
      return KernelError(
        .permission,
        "the kernel refused to \(what): \(reason). This process lacks \(names): \(Capability.grant(missing))")
    }
    if abs(error) == EPERM, what.hasPrefix("attach") {
      return KernelError(
        .failed,
        "the kernel refused to \(what): \(reason). Another program is attached there, or above, that admits no others "
          + "('bpftool cgroup tree' shows it)")
    }
    if abs(error) == EPERM, let limit = LockedMemory.limit {
      return KernelError(
        .permission, "the kernel refused to \(what): \(reason). \(limit.finding): \(LockedMemory.remedy)")
    }
    let verdict = VerifierWords(said)
    let hint = verdict.map { " (\($0))" } ?? ""
    let help =
      verdict != nil && !Capability.perfmon.isHeld
      ? "Grant CAP_PERFMON besides, with which the verifier is less strict" : "\(Doctor.supported)"
    return KernelError(
      .unsupported,
      "the kernel refused to \(what): \(reason)\(hint). \(help); 'stormfuse doctor' shows what else is missing")
  }
}
