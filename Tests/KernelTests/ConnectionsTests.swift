import Pipeline
import Testing

@testable import Kernel

/// The table without a kernel.
@Suite struct ConnectionsTests {
  private let client = Endpoint(v4: 0x7f00_0001, port: 40_000)
  private let server = Endpoint(v4: 0x7f00_0001, port: 5672)

  private func connection(_ local: Endpoint, _ remote: Endpoint, _ role: Connections.Role = .own)
    -> Connections.Connection
  {
    Connections.Connection(
      role: role, pair: .init(local: local, remote: remote), interest: .full, listed: false, process: 1)
  }

  @Test func `the other end is recognised whichever came first`() {
    for (first, second) in [(client, server), (server, client)] {
      var table = Connections()
      table.insert(connection(first, second), cookie: 1)
      #expect(table.original(of: .init(local: second, remote: first), cookie: 2) == 1)
      #expect(table.original(of: .init(local: first, remote: second), cookie: 2) == nil)
    }
  }

  @Test func `a new connection with the addresses of an old one takes its place`() {
    var table = Connections()
    table.insert(connection(client, server), cookie: 1)
    table.insert(connection(client, server), cookie: 2)
    #expect(table.original(of: .init(local: server, remote: client), cookie: 3) == 2)
    table.remove(1)
    #expect(table.original(of: .init(local: server, remote: client), cookie: 3) == 2)
  }

  @Test func `addresses are free when both sides have ended or one has reset`() {
    for ends: [(TCPFlags, Bool)] in [[(.fin, true), (.fin, false)], [(.rst, true)], [(.rst, false)]] {
      var table = Connections()
      table.insert(connection(client, server), cookie: 1)
      for (flags, egress) in ends {
        #expect(table.original(of: .init(local: server, remote: client), cookie: 2) == 1)
        table.ended(flags, egress: egress, cookie: 1)
      }
      #expect(table.original(of: .init(local: server, remote: client), cookie: 2) == nil)
      // Still known: late segments may follow.
      #expect(table[1] != nil)
    }
  }

  @Test func `a mirror never counts as an original`() {
    var table = Connections()
    table.insert(connection(client, server, .mirror), cookie: 1)
    #expect(table.original(of: .init(local: server, remote: client), cookie: 2) == nil)
  }

  @Test func `what has ended goes first, what is ignored next, what is followed stays a day`() {
    var table = Connections()
    table.insert(connection(client, server), cookie: 1)
    #expect(!table.isStale(1, ignored: false, idle: 8639, crowded: true))
    #expect(table.isStale(1, ignored: false, idle: 8640, crowded: false))
    #expect(!table.isStale(1, ignored: true, idle: 5, crowded: false))
    #expect(table.isStale(1, ignored: true, idle: 6, crowded: false))
    #expect(table.isStale(1, ignored: true, idle: 1, crowded: true))
    table.ended(.rst, egress: false, cookie: 1)
    #expect(!table.isStale(1, ignored: false, idle: 1, crowded: false))
    #expect(table.isStale(1, ignored: false, idle: 2, crowded: false))
    // Entered by the kernel, never seen here.
    #expect(!table.isStale(2, ignored: false, idle: 14, crowded: false))
    #expect(table.isStale(2, ignored: false, idle: 15, crowded: false))
  }

  @Test func `the kernel's entries that were never seen to send go soon where they fill its table`() {
    let table = Connections()
    func entries(_ count: Int) -> [Connections.Entry] {
      (0..<UInt64(count)).map { .init(cookie: $0, isIgnored: false, epoch: 5) }
    }
    #expect(table.stale(entries(1000), epoch: 19).isEmpty)
    #expect(table.stale(entries(1000), epoch: 20).count == 1000)
    #expect(table.stale(entries(40_000), epoch: 6).isEmpty)
    #expect(table.stale(entries(40_000), epoch: 7).count == 40_000)
  }

  @Test func `descendants come in and go with their processes`() {
    var membership = Membership()
    membership.insert(10, start: 100)
    func entry(_ parent: Int32, _ start: UInt64, session: Int32 = 1) -> ProcessTable.Entry {
      .init(parent: parent, start: start, name: "x", session: session)
    }
    var all: [Int32: ProcessTable.Entry] = [
      10: entry(1, 100), 11: entry(10, 110), 12: entry(11, 120), 20: entry(1, 50),
    ]
    #expect(Set(membership.update(all).entered) == [11, 12])
    // The middle one ends; its child now names process 1 as its parent.
    all[11] = nil
    all[12] = entry(1, 120)
    #expect(membership.update(all).left == [11])
    #expect(membership.contains(12) && !membership.contains(20))
    // The number passes to somebody else.
    all[12] = entry(1, 900)
    #expect(membership.update(all).left == [12])
    #expect(!membership.contains(12))
    // Between two looks the parent has ended, but not before it had a child.
    all = [30: entry(10, 300)]
    let (entered, left) = membership.update(all)
    #expect(entered == [30] && left == [10])
    // It begins a session, has a child, and has ended when looked at the next time. Others of its parent's session are no
    // descendants.
    all = [30: entry(1, 300, session: 30), 40: entry(1, 40)]
    #expect(membership.update(all).entered == [])
    all = [31: entry(1, 310, session: 30), 32: entry(31, 320, session: 32), 40: entry(1, 40), 41: entry(40, 330)]
    let orphans = membership.update(all)
    #expect(Set(orphans.entered) == [31, 32] && orphans.left == [30])
    // Once nobody is in the session its number may become another's.
    all = [40: entry(1, 40)]
    #expect(Set(membership.update(all).left) == [31, 32])
    all[31] = entry(40, 400, session: 30)
    #expect(membership.update(all).entered == [])
  }
}
