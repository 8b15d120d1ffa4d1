import Testing

@testable import Pipeline

/// Settings that are replaced in a running engine: what goes on, and what begins anew.
@Suite struct SettingsReplacementTests {
  /// 30 acks and 10 rejections of a group `q`, closed, with the standard settings.
  private func bench(_ change: (inout Settings) -> Void = { _ in }) -> (AMQPBench, AMQPLink) {
    let bench = AMQPBench(change)
    let link = bench.connect()
    link.consume("q")
    for i in 0..<30 { link.ack(link.deliver("m\(i)")) }
    for i in 0..<10 { link.reject(link.deliver("n\(i)"), requeue: false) }
    return (bench, link)
  }

  private func with(_ change: (inout Settings) -> Void) -> Settings {
    var settings = Settings()
    change(&settings)
    return settings
  }

  @Test func `an override stays in force, with its revision, its end and the window behind it`() throws {
    let (bench, _) = bench()
    _ = bench.engine.apply(
      .forceOpen(for_ns: .seconds(900)), note: OperatorNote(author: "ann", reason: "drain"), key: "rabbitmq:%2F:q",
      cluster: nil)
    let before = try bench.group("rabbitmq:%2F:q")
    let change = bench.engine.replace(
      settings: with {
        $0.breaker.forcedOpen_ns = .seconds(1)
        $0.breaker.openMaximum_ns = .seconds(2)
      })
    #expect(change.replaced == ["breaker"] && change.groups == 1 && change.restarted == 0 && change.deferred.isEmpty)
    #expect(try bench.group("rabbitmq:%2F:q") == before)
  }

  @Test func `how long a publish makes a connection a shared one can be replaced alone`() {
    let (bench, _) = bench()
    let change = bench.engine.replace(settings: with { $0.holding.sharedAge_ns = .seconds(5) })
    #expect(change.replaced == ["shared_connections_age"])
    #expect(bench.engine.ledger.settings.holding.sharedAge_ns == .seconds(5))
  }

  @Test func `a breaker that a rule opened keeps its open time and its openings`() throws {
    let (bench, _) = bench {
      $0.rules.deadLetterFlood.minSettlements = 20
      $0.breaker.jitter = 0
    }
    _ = bench.engine.takeEffects()
    let before = try bench.group("rabbitmq:%2F:q").breaker
    #expect(before.state == .open)
    _ = bench.engine.replace(
      settings: with {
        $0.rules.deadLetterFlood.minSettlements = 20
        $0.breaker.jitter = 0
        $0.breaker.openBase_ns = .seconds(20)
      })
    #expect(try bench.group("rabbitmq:%2F:q").breaker == before)
    #expect(bench.engine.ledger.groups[0].monitor.breaker.openings == 1)
    bench.pass(0.2)
    #expect(try bench.group("rabbitmq:%2F:q").breaker.state == .halfOpen)
  }

  @Test func `a threshold that is only compared leaves the window, and is compared at once`() throws {
    let (bench, _) = bench()
    let window = try bench.group("rabbitmq:%2F:q").window
    #expect(window.error_rate == 0.25)
    _ = bench.engine.takeEffects()
    let change = bench.engine.replace(settings: with { $0.rules.deadLetterFlood.minSettlements = 20 })
    #expect(change.replaced == ["rules"] && change.groups == 1 && change.restarted == 0)
    let group = try bench.group("rabbitmq:%2F:q")
    #expect(group.window == window && group.breaker.state == .open)
    let told = bench.engine.takeEffects().count { if case .transition = $0 { true } else { false } }
    #expect(told == 1)
  }

  @Test(
    arguments: [
      { $0.window_ns = .seconds(30) }, { $0.rules.deadLetterStorm.retries = 2 },
      { $0.rules.deadLetterStorm.consumptionDelay_ns = .seconds(5) },
    ] as [@Sendable (inout Settings) -> Void])
  func `a window begins anew where its span or what its samples are counted above has changed`(
    change: @Sendable (inout Settings) -> Void
  ) throws {
    let (bench, link) = bench()
    let totals = try bench.group("rabbitmq:%2F:q").totals
    let came = bench.engine.replace(settings: with(change))
    #expect(came.groups == 1 && came.restarted == 1)
    let group = try bench.group("rabbitmq:%2F:q")
    #expect(group.window.error_rate == nil && group.totals == totals)
    link.ack(link.deliver("after"))
    #expect(try bench.group("rabbitmq:%2F:q").window.error_rate == 0)
  }

  @Test func `only the groups that an entry names are concerned`() throws {
    let (bench, link) = bench()
    link.consume("other", tag: "o")
    link.ack(link.deliver("1", to: "o", key: "other"))
    var entry = GroupSettings(match: "rabbitmq:*:other")
    entry.window_ns = .seconds(10)
    entry.mode = .enforce
    let change = bench.engine.replace(settings: with { $0.groups = [entry] })
    #expect(change.replaced == ["groups"] && change.groups == 1 && change.restarted == 1)
    #expect(try bench.group("rabbitmq:%2F:q").window.error_rate == 0.25)
    #expect(try bench.group("rabbitmq:%2F:q").mode == "observe")
    #expect(try bench.group("rabbitmq:%2F:other").window.error_rate == nil)
    #expect(try bench.group("rabbitmq:%2F:other").mode == "enforce")
  }

  @Test func `what a known destination means from now on starts the windows anew, and counts`() throws {
    let (bench, link) = bench()
    link.publish("x", key: "graveyard", .init(id: "x"))
    // Of names that nobody has used nothing changes.
    #expect(bench.engine.replace(settings: with { $0.destinations.retry = ["later.*"] }).restarted == 0)
    let change = bench.engine.replace(settings: with { $0.destinations.deadLetter = ["graveyard"] })
    #expect(change.replaced == ["dead_letter", "retry"] && change.groups == 0 && change.restarted == 1)
    #expect(try bench.group("rabbitmq:%2F:q").window.error_rate == nil)
    link.deliver("y", .init(id: "y"))
    link.publish("y", key: "graveyard", .init(id: "y"))
    #expect(try bench.counts("q")["dead_lettered"] == 1)
  }

  @Test func `a Kafka topic means another thing, and partitions get windows when their rule is switched on`() throws {
    let bench = KafkaBench { $0.rules.slowPartition.enabled = false }
    let consumer = bench.consumer()
    consumer.poll("orders-0@0...9")
    let place = KafkaTopics.place(0, 0)
    #expect(bench.state.topics[place].kind == .normal && bench.ledger.groups[0].partitions[0].window == nil)
    _ = bench.ledger.replace(settings: with { $0.destinations.retry = ["orders"] })
    bench.state.destinationsChanged()
    #expect(bench.state.topics[place].kind == .retry && bench.ledger.groups[0].partitions[0].window == 0)
  }

  @Test func `what sizes tables and names clusters stays until the next start, and is said`() throws {
    let (bench, _) = bench()
    let change = bench.engine.replace(
      settings: with {
        $0.limits.groups = 1
        $0.cluster = "other"
      })
    #expect(change.deferred == ["cluster", "limits"] && change.replaced.isEmpty && change.groups == 0)
    #expect(bench.engine.ledger.settings == Settings())
    #expect(bench.engine.replace(settings: Settings()) == SettingsChange())
  }

  @Test func `what is open when the mode becomes enforce is held, and released when it is observe again`() throws {
    let hold = HoldBench { $0.mode = .observe }
    let link = hold.bench.connect(cookie: 7)
    link.consume("q")
    hold.flood(link)
    #expect(hold.held.isEmpty)
    for (mode, held) in [(Mode.enforce, [UInt64(7)]), (.observe, [])] {
      _ = hold.bench.engine.replace(
        settings: with {
          $0.mode = mode
          $0.breaker.jitter = 0
        })
      hold.settle()
      #expect(hold.held.keys.sorted() == held)
    }
    #expect(hold.events.map(\.kind) == [.held, .released])
  }
}
