import Testing

@testable import Pipeline

/// What an assignment changes, and which generations are rebalances: values, without sessions.
@Suite struct KafkaAssignedTests {
  @Test func `the first partitions of a member are new, and move none`() {
    var assigned = KafkaAssigned()
    let change = assigned.assign([1, 2], generation: 1, isWhole: false)
    #expect(change == .init(isNew: true, movesPartitions: false, lost: []))
    #expect(assigned.places == [1, 2])
    #expect(assigned.generation == 1)
  }

  @Test func `the same once more changes nothing, another generation begins anew`() {
    var assigned = KafkaAssigned()
    _ = assigned.assign([1, 2], generation: 1, isWhole: false)
    let same = assigned.assign([1, 2], generation: 1, isWhole: false)
    #expect(same == .init(isNew: false, movesPartitions: false, lost: []))
    let next = assigned.assign([1, 2], generation: 2, isWhole: false)
    #expect(next == .init(isNew: true, movesPartitions: false, lost: []))
  }

  @Test func `what an assignment does not name is lost`() {
    var assigned = KafkaAssigned()
    _ = assigned.assign([1, 2, 3], generation: 1, isWhole: false)
    let change = assigned.assign([2, 4], generation: 2, isWhole: false)
    #expect(change == .init(isNew: true, movesPartitions: true, lost: [1, 3]))
    assigned.lose(2)
    assigned.take(5)
    #expect(assigned.places == [4, 5])
    assigned.rename(5, to: 6)
    #expect(assigned.places == [4, 6])
  }

  @Test func `an answer without an assignment moves the epoch only of a member whose assignment is known`() {
    var assigned = KafkaAssigned()
    assigned.confirm(generation: 4)
    #expect(assigned.generation == -1)
    _ = assigned.assign([1], generation: 5, isWhole: true)
    assigned.confirm(generation: 7)
    #expect(assigned.generation == 7)
    assigned.leave()
    assigned.confirm(generation: 9)
    #expect(assigned.generation == 7)
    #expect(assigned.isEmpty)
  }

  @Test func `each generation of a classic group but the first is one rebalance`() {
    var generations = KafkaGenerations()
    var rebalances = 0
    for generation: Int32 in [3, 3, 4, 4, 6] {
      if generations.note(generation, isClassic: true, movesPartitions: false) { rebalances += 1 }
    }
    #expect(rebalances == 2)
  }

  @Test func `an epoch of a new group is one rebalance if it moves partitions`() {
    var generations = KafkaGenerations()
    var rebalances = 0
    for (generation, moves) in [(1, false), (2, true), (2, true), (3, false), (4, true)] as [(Int32, Bool)] {
      if generations.note(generation, isClassic: false, movesPartitions: moves) { rebalances += 1 }
    }
    #expect(rebalances == 2)
  }

  @Test func `every owner of a partition has a serial of its own`() {
    let group = KafkaGroup(name: "g", cluster: 0, salt: 0)
    let member = KafkaMember(group, id: 1, process: 1, client: 1, rules: .all)
    var owner = KafkaOwner()
    var serials = [owner.serial]
    owner.take(member, at: Timestamp(ns: 5))
    #expect(owner.member === member)
    #expect(owner.since == Timestamp(ns: 5))
    serials.append(owner.serial)
    owner.release()
    #expect(owner.member == nil)
    serials.append(owner.serial)
    #expect(Set(serials).count == 3)
  }
}
