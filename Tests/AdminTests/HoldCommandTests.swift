#if os(Linux)
  import ArgumentParser
  import Pipeline
  import Testing

  @testable import fusectl

  /// What `fusectl hold` makes of its command line. That it holds is shown in KernelTests.
  @Suite struct HoldCommandTests {
    @Test(
      arguments: [
        ("1ms", 1_000_000), ("30s", 30_000_000_000), ("0.5s", 500_000_000), ("5m", 300_000_000_000),
        ("1h", 3_600_000_000_000),
      ] as [(String, Int64)])
    func `a duration is a number with a unit`(text: String, ns: Int64) throws {
      #expect(try HoldQuantity.duration_ns(text) == ns)
    }

    @Test(
      arguments: [
        ("30", "did you mean 30s"), ("", "not a duration"), ("s", "not a duration"), ("-1s", "not a duration"),
        ("0s", "too short"), ("2h", "at most 1h"), ("30 sec", "unknown unit"), ("1.2.3s", "not a duration"),
      ])
    func `a wrong duration is refused with what was meant`(text: String, part: String) {
      let problem = #expect(throws: HoldQuantity.Problem.self) { try HoldQuantity.duration_ns(text) }
      #expect(problem?.description.contains(part) == true, "\(String(describing: problem))")
    }

    @Test(
      arguments: [("500B/s", 500), ("10kB/s", 10_000), ("10 kB/s", 10_000), ("1MiB/s", 1_048_576), ("2kB", 2000)]
        as [(String, UInt64)])
    func `a rate is bytes per second`(text: String, rate: UInt64) throws {
      #expect(try HoldQuantity.rate_bytes_s(text) == rate)
    }

    @Test(arguments: [("10", "did you mean 10B/s"), ("0B/s", "pause"), ("x", "not a rate"), ("1kb/s", "unknown unit")])
    func `a wrong rate is refused with what was meant`(text: String, part: String) {
      let problem = #expect(throws: HoldQuantity.Problem.self) { try HoldQuantity.rate_bytes_s(text) }
      #expect(problem?.description.contains(part) == true, "\(String(describing: problem))")
    }

    @Test func `the bare form of runbooks is a hold`() throws {
      let line = ["--cgroup", "/orders", "--action", "block", "--duration", "30s"]
      for arguments in [line, ["hold"] + line] {
        let hold = try #require(try Fusectl.parseAsRoot(arguments) as? HoldCommand)
        #expect(hold.target.cgroup == "/orders" && hold.action == .block && hold.duration == "30s" && !hold.detach)
      }
      #expect(try Fusectl.parseAsRoot(["release", "--pid", "7"]) is ReleaseCommand)
    }

    @Test(
      arguments: [
        (["hold", "--action", "pause", "--duration", "1s"], "--cgroup PATH or --pid N"),
        (["hold", "--cgroup", "/a", "--duration", "1s"], "--action"),
        (["hold", "--cgroup", "/a", "--action", "pause"], "--duration"),
        (["hold", "--cgroup", "/a", "--pid", "1", "--action", "pause", "--duration", "1s"], "not both"),
        (["hold", "--cgroup", "/a", "--action", "throttle", "--duration", "1s"], "needs --rate"),
        (["hold", "--cgroup", "/a", "--action", "pause", "--rate", "1kB/s", "--duration", "1s"], "throttle only"),
        (["hold", "--cgroup", "/a", "--action", "stop", "--duration", "1s"], "stop"),
        (["release", "--cgroup", "/a", "--pid", "1"], "not both"),
      ])
    func `what is missing or contradicts itself is named`(arguments: [String], part: String) {
      let error = #expect(throws: (any Error).self) { try Fusectl.parseAsRoot(arguments) }
      #expect(error.map { Fusectl.fullMessage(for: $0).contains(part) } == true)
    }

    @Test func `an address is a host and a port`() {
      #expect(BrokerAddress.parts("10.0.0.7:5672").map { "\($0.host) \($0.port)" } == "10.0.0.7 5672")
      #expect(BrokerAddress.parts("[::1]:5672").map { "\($0.host) \($0.port)" } == "::1 5672")
      for text in ["", "host", "host:", ":5672", "host:0", "host:65536", "::1:5672", "host:5672x"] {
        #expect(BrokerAddress.parts(text) == nil, "\(text)")
      }
    }

    @Test func `an address of numbers is every spelling of it`() throws {
      #expect(try BrokerAddress.endpoints("127.0.0.1:5672") == [Endpoint(v4: 0x7f00_0001, port: 5672)])
      #expect(try BrokerAddress.endpoints("[::ffff:127.0.0.1]:5672") == [Endpoint(v4: 0x7f00_0001, port: 5672)])
      #expect(try BrokerAddress.endpoints("[::1]:5672") == [Endpoint(high: 0, low: 1, port: 5672)])
    }
  }
#endif
