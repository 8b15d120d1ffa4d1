#if os(Linux)
  import ArgumentParser
  import Glibc
  import Pipeline
  import Testing

  @testable import Kernel
  @testable import fusectl

  /// What `fusectl hold` makes of its command line. That it holds is shown in KernelTests.
  @Suite struct HoldCommandTests {
    @Test func `the bare form of runbooks is a hold`() throws {
      let line = ["--cgroup", "/orders", "--action", "block", "--duration", "30s"]
      for arguments in [line, ["hold"] + line] {
        let hold = try #require(try Fusectl.parseAsRoot(arguments) as? HoldCommand)
        #expect(
          hold.target.cgroup == "/orders" && hold.action == .block && hold.duration == .seconds(30) && !hold.detach)
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
        (["hold", "--cgroup", "/a", "--action", "pause", "--duration", "2h"], "it must be between 1ms and 1h"),
        (["hold", "--cgroup", "/a", "--action", "pause", "--duration", "30"], "did you mean 30s?"),
        (
          ["hold", "--cgroup", "/a", "--action", "throttle", "--rate", "10", "--duration", "1s"], "did you mean 10B/s?"
        ),
        (
          ["hold", "--cgroup", "/a", "--action", "pause", "--duration", "1s", "--to", "broker"],
          "--to: \"broker\" has no port: write HOST:PORT, as in broker:5672"
        ),
        (
          ["hold", "--cgroup", "/a", "--action", "pause", "--duration", "1s", "--to", "[::1]"],
          "--to: \"[::1]\" has no port: write HOST:PORT, as in [::1]:5672"
        ),
        (
          ["hold", "--cgroup", "/a", "--action", "pause", "--duration", "1s", "--to", "broker:0"],
          "--to: \"broker:0\" is not an address: write HOST:PORT"
        ), (["release", "--cgroup", "/a", "--pid", "1"], "not both"),
      ])
    func `what is missing or contradicts itself is named`(arguments: [String], part: String) {
      let error = #expect(throws: (any Error).self) { try Fusectl.parseAsRoot(arguments) }
      #expect(error.map { Fusectl.fullMessage(for: $0).contains(part) } == true)
    }

    /// With `block`, too: new connections are refused, but what the target has open to another address passes.
    @Test(arguments: [
      (HoldAction.pause, "what it opens from now on is held"), (.throttle, "what it opens from now on is held"),
      (.block, "new connections are refused"),
    ])
    func `no connection to hold is told, whatever the action`(action: HoldAction, part: String) throws {
      let target = try Target.processes([getpid()])
      let run = HoldRun(
        OneShotHold.Request(target: target, endpoints: [], action: action, duration_ns: .seconds(1)))
      var status = OneShotHold.Status()
      let warning = run.warning(status) ?? ""
      #expect(warning.contains("has no open TCP connection to what --to names; \(part)"), "\(warning)")
      status.connections = 1
      #expect(run.warning(status) == nil)
    }

    @Test func `the number of a guard is explained to people, and stands alone in a pipe`() {
      #expect(HoldGuard.started(4711, isTerminal: false) == "4711")
      let text = HoldGuard.started(4711, isTerminal: true)
      #expect(text == "process 4711 keeps the hold; 'fusectl release --pid 4711' ends it")
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
