#if os(Linux)
  internal import Glibc
  internal import Kernel
  internal import Pipeline
  internal import Synchronization

  /// Set by SIGINT, SIGTERM and SIGHUP.
  private let stopAsked = Atomic<Bool>(false)

  /// A hold by hand from its beginning to its end, with what is said about it on standard error.
  struct HoldRun {
    private let request: OneShotHold.Request

    init(_ request: OneShotHold.Request) { self.request = request }

    /// - Parameter isGuard: Detached: says that it holds, once, and then nothing any more.
    /// - Returns: Whether there was a connection to hold.
    func run(isGuard: Bool) throws(KernelError) -> Bool {
      _ = stopAsked.load(ordering: .relaxed)
      for number in [SIGINT, SIGTERM, SIGHUP] {
        signal(number) { _ in stopAsked.store(true, ordering: .relaxed) }
      }
      if let other = HoldRecord.conflict(request.target) {
        throw KernelError(
          .failed,
          "process \(other.process) holds \(other.cgroup ?? "some of these processes") by hand already (\(other.action)): "
            + "end it with 'fusectl release' first")
      }
      let hold = try OneShotHold(request)
      let record = HoldRecord(target: request.target, action: request.action.rawValue)
      do throws(KernelError) {
        try record?.write()
      } catch {
        // A guard that nobody finds could not be ended by hand.
        if isGuard { throw error }
        Terminal.say("fusectl: 'fusectl release' will not find this hold: \(error)")
      }
      defer { record?.remove() }
      var status = hold.tick()
      Terminal.say(beginning(status))
      var said = Set(status.problems)
      for problem in status.problems { Terminal.say("fusectl: \(problem)") }
      var hasHeld = status.connections > 0
      if let warning = warning(status) { Terminal.say("fusectl: \(warning)") }
      if isGuard { HoldGuard.detach(hasConnections: hasHeld) }

      let isTerminal = !isGuard && isatty(STDERR_FILENO) == 1
      while !status.isOver && !stopAsked.load(ordering: .relaxed) {
        usleep(200_000)
        status = hold.tick()
        if status.connections > 0 { hasHeld = true }
        for problem in status.problems where said.insert(problem).inserted {
          Terminal.say((isTerminal ? "\r\u{1b}[K" : "") + "fusectl: \(problem)")
        }
        if isTerminal { Terminal.write("\r\u{1b}[K\(countdown(status))") }
      }
      let wasEnded = !status.isOver
      let left_ns = status.left_ns
      status = hold.end()
      if isTerminal { Terminal.write("\r\u{1b}[K") }
      if !isGuard { Terminal.say(ending(status, wasEnded: wasEnded, left_ns: left_ns)) }
      if !isGuard, !hasHeld {
        let refused = request.action == .block ? "; new connections were refused" : ""
        let why = said.isEmpty ? "\(missing) all the while" : "see what is said above"
        Terminal.say("fusectl: nothing was held: \(why)\(refused)")
      }
      return hasHeld
    }

    /// That there is no connection to hold at the beginning; nil if there is one, or its problems say why it is not held.
    /// `block` refuses new connections all the same: most often the address is wrong, and then the target's traffic passes.
    func warning(_ status: OneShotHold.Status) -> String? {
      guard status.connections == 0, status.problems.isEmpty else { return nil }
      let later = request.action == .block ? "new connections are refused" : "what it opens from now on is held"
      return "nothing is held yet: \(missing); \(later)"
    }

    private var missing: String {
      "\(request.target.name) has no open TCP connection" + (request.endpoints == nil ? "" : " to what --to names")
    }

    private func beginning(_ status: OneShotHold.Status) -> String {
      let to = request.endpoints.map { " to \($0.map(\.description).joined(separator: ", "))" } ?? ""
      let seconds = Double(request.duration_ns / 1_000_000) / 1000
      return "\(request.action.rawValue): \(request.target.name), \(connections(status))\(to), for \(seconds) s"
    }

    private func countdown(_ status: OneShotHold.Status) -> String {
      "\(request.action.rawValue): \((status.left_ns + 999_999_999) / 1_000_000_000) s left, \(connections(status)), "
        + counted(status)
    }

    private func ending(_ status: OneShotHold.Status, wasEnded: Bool, left_ns: Int64) -> String {
      let why = wasEnded ? "let go on request" : left_ns > 0 ? "let go, the target is gone" : "let go"
      return "\(why): \(connections(status)), \(counted(status))"
    }

    private func connections(_ status: OneShotHold.Status) -> String {
      "\(status.connections) open connection\(status.connections == 1 ? "" : "s")"
    }

    private func counted(_ status: OneShotHold.Status) -> String {
      let (held, passed) = (status.counters.held, status.counters.passed)
      return "held \(held.packets) segments (\(Self.bytesText(held.bytes)), tries included), "
        + "passed \(passed.packets) (\(Self.bytesText(passed.bytes)))"
    }

    /// For people: `12.3 kB`.
    private static func bytesText(_ bytes: UInt64) -> String {
      var value = Double(bytes)
      var unit = "B"
      for larger in ["kB", "MB", "GB"] where value >= 1000 {
        value /= 1000
        unit = larger
      }
      return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(unit)"
    }
  }
#endif
