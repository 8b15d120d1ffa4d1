import Testing

@testable import Pipeline

/// Captures of which one direction is missing: a mirrored port of one way, a filter for one address.
@Suite struct OneSidedTests {
  /// A consumer that is given 30 messages and acknowledges them; only one end's segments were captured.
  private func bench(shows end: AMQPLink.End?) -> AMQPBench {
    let bench = AMQPBench()
    let link = AMQPLink(
      bench, client: Endpoint(v4: 0x0a00_0001, port: 40_001), server: Endpoint(v4: 0x0a00_0002, port: 5672),
      shows: end)
    link.handshake(vhost: "/", cluster: "rabbit@one", version: "3.13.7")
    link.openChannel(1)
    link.consume("q")
    for i in 0..<30 { link.ack(link.deliver("m\(i)")) }
    bench.engine.finish()
    return bench
  }

  @Test func `where the client was not captured, coverage is below 1 and the connection is named`() throws {
    let bench = bench(shows: .server)
    let report = bench.engine.report()
    #expect(report.capture.one_sided == 1)
    #expect(report.capture.losses["unseen_direction"] ?? 0 > 30 * 21)
    let group = try #require(report.groups.first)
    #expect(group.totals.delivered == 30 && group.totals.acked == 0)
    #expect(group.coverage < 1)
  }

  @Test func `where the broker was not captured, no group is found, and the reason is`() {
    let report = bench(shows: .client).engine.report()
    #expect(report.groups.isEmpty || report.groups.allSatisfy { $0.totals.delivered == 0 && $0.coverage < 1 })
    #expect(report.capture.one_sided == 1)
    #expect(report.capture.losses["unseen_direction"] ?? 0 > 0)
  }

  @Test func `where both were captured nothing is said`() throws {
    let report = bench(shows: nil).engine.report()
    #expect(report.capture.one_sided == nil && report.capture.losses.isEmpty)
    #expect(report.groups.map(\.coverage) == [1])
  }

  @Test func `a side that shows late is not missing`() {
    var unseen = UnseenSide()
    let (one, other) = (Endpoint(v4: 1, port: 1), Endpoint(v4: 2, port: 2))
    for acknowledgement in [7, 107] as [UInt32] {
      unseen.note(
        Segment(at: .zero, source: one, destination: other, sequence: 1, acknowledgement: acknowledgement, length: 0),
        from: .first)
    }
    unseen.note(Segment(at: .zero, source: other, destination: one, sequence: 107, length: 9), from: .second)
    #expect(unseen.end() == nil && unseen.missing_bytes == 0)
  }

  @Test func `a side that has nothing to say is not missing`() {
    var unseen = UnseenSide()
    for sequence in [100, 200, 300] as [UInt32] {
      let segment = Segment(
        at: .zero, source: Endpoint(v4: 1, port: 1), destination: Endpoint(v4: 2, port: 2), sequence: sequence,
        acknowledgement: 7, flags: [.ack], length: 100)
      unseen.note(segment, from: .second)
    }
    #expect(unseen.end() == nil && unseen.missing_bytes == 0)
  }
}
