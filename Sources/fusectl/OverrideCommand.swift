internal import AdminAPI
internal import ArgumentParser
internal import NIOHTTP1
internal import Pipeline

/// `fusectl override KEY open|closed --reason TEXT`, `fusectl override KEY --clear --reason TEXT`.
struct OverrideCommand: ChangeCommand {
  static let configuration = CommandConfiguration(
    commandName: "override", abstract: "Forces a breaker open or closed, whatever the rules say, or ends that.",
    discussion: """
      open ends by itself: after 15 minutes unless --for says otherwise; closed stays until cleared, unless --for is \
      given. Exit code 4 if it is forced open and traffic is not really held; the text says why.
      """)

  @OptionGroup var change: ChangeOptions

  @Argument(help: "open or closed.")
  var state: Forced?

  @Option(
    name: .customLong("for"), help: ArgumentHelp("How long, as in 90s, 15m, 2h; at most 24h.", valueName: "time"),
    transform: { try Quantity.duration_ns($0, in: OverrideCommand.limits_ns) })
  var limit_ns: Int64?

  @Flag(name: .long, help: "Ends the override.")
  var clear = false

  @OptionGroup var common: CommonOptions

  enum Forced: String, ExpressibleByArgument, CaseIterable { case open, closed }

  func validate() throws {
    guard (state == nil) == clear else {
      throw ValidationError("write open or closed, or --clear to end an override")
    }
    guard !clear || limit_ns == nil else { throw ValidationError("--for goes with open or closed, not with --clear") }
  }

  var wantsHeld: Bool { state == .open }

  func request() -> (method: HTTPMethod, action: String, body: CommandBody) {
    var body = change.body
    guard let state else { return (.DELETE, "override", body) }
    body.state = state == .open ? .forcedOpen : .forcedClosed
    body.limit_s = limit_ns.map { Double($0) / 1e9 }
    return (.PUT, "override", body)
  }

  func isReached(_ reached: BreakerState) -> Bool {
    switch state {
    case .open: reached == .forcedOpen
    case .closed: reached == .forcedClosed
    case nil: reached != .forcedOpen && reached != .forcedClosed
    }
  }

  static let limits_ns: ClosedRange<Int64> = .seconds(1) ... .seconds(Int64(CommandBody.longestLimit_s))
}
