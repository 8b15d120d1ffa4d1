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

  @Option(name: .customLong("for"), help: ArgumentHelp("How long, as in 90s, 15m, 2h; at most 24h.", valueName: "time"))
  var limit: TimeLimit?

  @Flag(name: .long, help: "Ends the override.")
  var clear = false

  @OptionGroup var common: CommonOptions

  enum Forced: String, ExpressibleByArgument, CaseIterable { case open, closed }

  func validate() throws {
    guard (state == nil) == clear else {
      throw ValidationError("write open or closed, or --clear to end an override")
    }
    guard !clear || limit == nil else { throw ValidationError("--for goes with open or closed, not with --clear") }
  }

  var wantsHeld: Bool { state == .open }

  func request() -> (method: HTTPMethod, action: String, body: CommandBody) {
    var body = change.body
    guard let state else { return (.DELETE, "override", body) }
    body.state = state == .open ? .forcedOpen : .forcedClosed
    body.limit_s = limit?.seconds
    return (.PUT, "override", body)
  }

  func isReached(_ reached: BreakerState) -> Bool {
    switch state {
    case .open: reached == .forcedOpen
    case .closed: reached == .forcedClosed
    case nil: reached != .forcedOpen && reached != .forcedClosed
    }
  }
}

/// A number and a unit: `90s`, `15m`, `2h`; above 0 and at most a day.
struct TimeLimit: ExpressibleByArgument, Equatable {
  var seconds: Double

  init?(argument: String) {
    let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
    guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }) else { return nil }
    let digits = argument.dropLast(unit.count)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2e }),
      let number = Double(digits)
    else { return nil }
    seconds = number * factor
    guard seconds > 0, seconds <= CommandBody.longestLimit_s else { return nil }
  }
}
