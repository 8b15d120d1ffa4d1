import Foundation
import Synchronization

@testable import State

/// A directory in memory that knows what a power failure would leave: only bytes and names that were flushed are certain,
/// of the others anything may be there. It can also fail at a chosen step.
final class SimulatedDisk: StateFiles {
  struct Image: Equatable {
    var files = [String: [UInt8]]()
  }

  /// Steps that a careless writer leaves out; shows that the simulation would notice.
  enum Forgotten { case nothing, file, directory }

  private final class Node {
    var bytes: [UInt8]
    var durable: [UInt8]
    /// What a failed flush took for written: no later flush writes it.
    var lost = 0..<0
    init(_ bytes: [UInt8]) { (self.bytes, durable) = (bytes, bytes) }

    func flush() {
      durable = bytes
      for i in lost { durable[i] = 0 }
    }

    /// As on Linux, the failure is reported once, and the bytes count as written from then on.
    func failToFlush() {
      lost = (lost.isEmpty ? min(durable.count, bytes.count) : lost.lowerBound)..<bytes.count
    }

    func cut(to count: Int) {
      bytes.removeLast(max(0, bytes.count - count))
      lost = min(lost.lowerBound, bytes.count)..<min(lost.upperBound, bytes.count)
    }
  }

  private enum Change {
    case add(String, Node)
    case move(String, String)
    case delete(String)
  }

  private struct Disk {
    var names = [String: Node]()
    var durableNames = [String: Node]()
    /// Changes of names since the last flush of the directory.
    var changes = [Change]()
    var open = [Int32: Node]()
    var nextFile: Int32 = 3
    var steps = [String]()
    var failing: (step: Int, code: Int32, isLasting: Bool)?
    var afterStep: (@Sendable (Int) -> Void)?
  }

  // Nodes are only reached through the lock.
  private nonisolated(unsafe) let disk: UnsafeMutablePointer<Disk>
  private let lock = Mutex(())
  private let forgotten: Forgotten

  init(_ image: Image = Image(), forgotten: Forgotten = .nothing) {
    disk = .allocate(capacity: 1)
    disk.initialize(to: Disk())
    self.forgotten = forgotten
    for (name, bytes) in image.files { disk.pointee.names[name] = Node(bytes) }
    disk.pointee.durableNames = disk.pointee.names
  }

  deinit {
    disk.deinitialize(count: 1)
    disk.deallocate()
  }

  /// What was done so far, a word each: `create`, `append`, `flush`, `cut`, `move`, `delete`, `flushDirectory`.
  var steps: [String] { with { $0.steps } }
  /// What a reader sees now.
  var image: Image { with { Image(files: $0.names.mapValues(\.bytes)) } }

  /// Fails the step of that number, counted from now, with an error number; and all later ones.
  func fail(after steps: Int, code: Int32, isLasting: Bool = true) {
    with { $0.failing = ($0.steps.count + steps, code, isLasting) }
  }

  func repair() { with { $0.failing = nil } }

  /// All that a power failure at this moment could leave: any of the changed names, and of bytes that were not flushed
  /// none, half, all, or zeros in their place.
  func wreckages() -> [Image] {
    with { disk in
      var images = [Image]()
      for kept in 0..<(1 << disk.changes.count) {
        var names = disk.durableNames
        for (index, change) in disk.changes.enumerated() where kept & 1 << index != 0 {
          switch change {
          case .add(let name, let node): names[name] = node
          case .move(let name, let other):
            // The name that it had may not be on disk; the file is.
            if let node = disk.changes.lazy.compactMap({ Self.node($0, name) }).last ?? names[name] {
              names[other] = node
            }
            names[name] = nil
          case .delete(let name): names[name] = nil
          }
        }
        for loss in 0..<4 {
          let image = Image(files: names.mapValues { Self.remains($0, loss) })
          if !images.contains(image) { images.append(image) }
        }
      }
      return images
    }
  }

  private static func node(_ change: Change, _ name: String) -> Node? {
    if case .add(name, let node) = change { node } else { nil }
  }

  private static func remains(_ node: Node, _ loss: Int) -> [UInt8] {
    guard node.bytes != node.durable else { return node.bytes }
    return switch loss {
    case 0: node.durable
    case 1: Array(node.bytes.prefix(node.bytes.count / 2))
    case 2: node.bytes
    default: [UInt8](repeating: 0, count: node.bytes.count)
    }
  }

  private func with<Result>(_ body: (inout Disk) -> Result) -> Result {
    lock.withLock { _ in body(&disk.pointee) }
  }

  private func step(_ name: String, _ body: (inout Disk) -> Void) throws(FileFailure) {
    let code: Int32? = with { disk in
      defer { disk.steps.append(name) }
      if let failing = disk.failing,
        failing.isLasting ? disk.steps.count >= failing.step : disk.steps.count == failing.step
      {
        return failing.code
      }
      body(&disk)
      return nil
    }
    if let code { throw FileFailure(step: name, code: code) }
    with { $0.afterStep }?(steps.count)
  }

  /// Calls back after each step that succeeded, with their number.
  func observe(_ observer: (@Sendable (Int) -> Void)?) { with { $0.afterStep = observer } }

  func names() -> [String] { with { Array($0.names.keys) } }
  func contents(of name: String) -> [UInt8]? { with { $0.names[name]?.bytes } }

  func create(_ name: String) throws(FileFailure) -> Int32 {
    var file: Int32 = 0
    try step("create") { file = Self.open(name, Node([]), &$0) }
    return file
  }

  func extend(_ name: String) throws(FileFailure) -> (file: Int32, size_bytes: Int, isInsideLine: Bool) {
    var result: (file: Int32, size_bytes: Int, isInsideLine: Bool) = (0, 0, false)
    try step("extend") { disk in
      let node = disk.names[name] ?? Node([])
      let file = Self.open(name, node, &disk)
      result = (file, node.bytes.count, node.bytes.last.map { $0 != UInt8(ascii: "\n") } ?? false)
    }
    return result
  }

  private static func open(_ name: String, _ node: Node, _ disk: inout Disk) -> Int32 {
    if disk.names[name] !== node { disk.changes.append(.add(name, node)) }
    disk.names[name] = node
    disk.nextFile += 1
    disk.open[disk.nextFile] = node
    return disk.nextFile
  }

  func append(_ bytes: [UInt8], to file: Int32) throws(FileFailure) {
    try step("append") { $0.open[file]?.bytes += bytes }
  }

  func flush(_ file: Int32) throws(FileFailure) {
    do {
      try step("flush") { if forgotten != .file { $0.open[file]?.flush() } }
    } catch {
      with { $0.open[file]?.failToFlush() }
      throw error
    }
  }

  func cut(_ file: Int32, to size_bytes: Int) throws(FileFailure) {
    try step("cut") { $0.open[file]?.cut(to: size_bytes) }
  }

  func finish(_ file: Int32) { with { $0.open[file] = nil } }

  func move(_ name: String, to other: String) throws(FileFailure) {
    guard with({ $0.names[name] != nil }) else { throw FileFailure(step: "move", code: ENOENT) }
    try step("move") { disk in
      disk.changes.append(.move(name, other))
      disk.names[other] = disk.names.removeValue(forKey: name)
    }
  }

  func delete(_ name: String) throws(FileFailure) {
    guard with({ $0.names[name] != nil }) else { return }
    try step("delete") { disk in
      disk.changes.append(.delete(name))
      disk.names[name] = nil
    }
  }

  func lackOfRoom() -> String? { nil }

  func flushDirectory() throws(FileFailure) {
    try step("flushDirectory") { disk in
      guard forgotten != .directory else { return }
      disk.durableNames = disk.names
      disk.changes = []
    }
  }
}
