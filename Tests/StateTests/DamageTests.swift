import Pipeline
import Testing

@testable import State

/// Damaged files: never a crash, never a wrong state taken for right.
struct DamageTests {
  private static func saved() throws -> (image: SimulatedDisk.Image, old: Snapshot, new: Snapshot) {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    try directory.save(Sample.snapshot(1))
    let old = try #require(directory.load(at: .distantFuture).snapshot)
    try directory.save(Sample.snapshot(2))
    let new = try #require(directory.load(at: .distantFuture).snapshot)
    #expect((old.generation, new.generation) == (1, 2))
    return (disk.image, old, new)
  }

  @Test("the newest file cut at every length: the older snapshot loads, the file is set aside, and it is said")
  func everyLength() throws {
    let (image, old, _) = try Self.saved()
    let bytes = try #require(image.files["snapshot.b"])
    for length in 0..<bytes.count {
      var cut = image
      cut.files["snapshot.b"] = Array(bytes.prefix(length))
      let disk = SimulatedDisk(cut)
      let loaded = StateDirectory(files: disk).load(at: .distantFuture)
      #expect(loaded.snapshot == old)
      #expect(loaded.notices.count == 2 && loaded.notices[0].contains("set aside as snapshot.broken"))
      #expect(disk.image.files["snapshot.broken"] == Array(bytes.prefix(length)))
      #expect(disk.image.files["snapshot.b"] == nil)
    }
  }

  @Test("every bit of the newest file flipped, and bytes zeroed or added: the older snapshot loads, and it is said")
  func everyBit() throws {
    let (image, old, _) = try Self.saved()
    let bytes = try #require(image.files["snapshot.b"])
    var damages = [bytes + [0], bytes + bytes]
    for index in bytes.indices {
      for mask in [1, 2, 4, 8, 16, 32, 64, 128, 255] as [UInt8] {
        var damaged = bytes
        damaged[index] ^= mask
        damages.append(damaged)
      }
      if bytes[index] != 0 {
        var damaged = bytes
        damaged[index] = 0
        damages.append(damaged)
      }
    }
    for damaged in damages {
      var other = image
      other.files["snapshot.b"] = damaged
      let loaded = StateDirectory(files: SimulatedDisk(other)).load(at: .distantFuture)
      #expect(loaded.snapshot == old && loaded.notices.count == 2)
    }
  }

  @Test("the older file damaged at every byte: the newest snapshot loads, and it is said")
  func older() throws {
    let (image, _, new) = try Self.saved()
    let bytes = try #require(image.files["snapshot.a"])
    for index in bytes.indices {
      var other = image
      other.files["snapshot.a"]?[index] ^= 0x10
      let loaded = StateDirectory(files: SimulatedDisk(other)).load(at: .distantFuture)
      #expect(loaded.snapshot == new && loaded.notices.count == 2)
    }
  }

  @Test("both files damaged: nothing loads, both are set aside, it is said, and saving goes on")
  func both() throws {
    var image = try Self.saved().image
    image.files["snapshot.a"]?[40] ^= 1
    image.files["snapshot.b"] = []
    let disk = SimulatedDisk(image)
    let directory = StateDirectory(files: disk)
    let loaded = directory.load(at: .distantFuture)
    #expect(loaded.snapshot == nil)
    #expect(loaded.notices.count == 3 && loaded.notices[2].contains("every breaker begins closed"))
    #expect(Set(disk.image.files.keys) == ["snapshot.broken", "snapshot.broken.2"])
    try directory.save(Sample.snapshot(3))
    #expect(directory.load(at: .distantFuture).snapshot?.breakers == Sample.snapshot(3).breakers)
  }

  @Test("of the damaged files that were set aside the latest three are kept")
  func kept() throws {
    let disk = SimulatedDisk()
    let directory = StateDirectory(files: disk)
    for number in 1...7 {
      try directory.save(Sample.snapshot(number))
      let name = disk.image.files.keys.first { $0.hasPrefix("snapshot.") && $0.hasSuffix(".a") } ?? "snapshot.b"
      let file = try disk.create(name)
      try disk.append([UInt8(number)], to: file)
      #expect(directory.load(at: .distantFuture).snapshot == nil)
    }
    let kept = disk.image.files.filter { $0.key.contains("broken") }
    #expect(kept == ["snapshot.broken.5": [5], "snapshot.broken.6": [6], "snapshot.broken.7": [7]])
  }

  @Test("a damaged file that can't be set aside is not written over")
  func inTheWay() throws {
    var image = try Self.saved().image
    image.files["snapshot.b"]?[50] ^= 1
    let disk = SimulatedDisk(image)
    let directory = StateDirectory(files: disk)
    disk.fail(after: 0, code: 30)
    let loaded = directory.load(at: .distantFuture)
    #expect(loaded.snapshot?.generation == 1)
    #expect(loaded.notices.first?.contains("could not be set aside") == true)
    #expect(throws: StateError.self) { try directory.save(Sample.snapshot(3)) }
    #expect(disk.image == image)
    disk.repair()
    try directory.save(Sample.snapshot(3))
    #expect(disk.image.files["snapshot.broken"] == image.files["snapshot.b"])
    #expect(disk.image.files["snapshot.a"] == image.files["snapshot.a"])
  }
}
