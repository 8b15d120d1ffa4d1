internal import AdminAPI
internal import ArgumentParser
internal import NIOHTTP1
internal import Pipeline

/// `fusectl trip KEY --for TIME --reason TEXT`: one opening.
struct TripCommand: ChangeCommand {
  static let configuration = CommandConfiguration(
    commandName: "trip", abstract: "Opens a breaker once, for a minute unless --for says otherwise.",
    discussion: """
      After that time it is half-open: a few deliveries pass, and by what becomes of them it closes or opens again. It \
      never stays open past the end of its episode (max_episode, 10 minutes): 'fusectl override KEY open' does. Exit code \
      4 if traffic is not really held then, 1 if an override is in force; the text says why.
      """)

  @OptionGroup var change: ChangeOptions

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("How long at least, as in 90s, 5m; else breaker.trip_open, a minute.", valueName: "time"),
    transform: { try Quantity.duration_ns($0, in: OverrideCommand.limits_ns) })
  var least_ns: Int64?

  @OptionGroup var common: CommonOptions

  var wantsHeld: Bool { true }

  func request() -> (method: HTTPMethod, action: String, body: CommandBody) {
    var body = change.body
    body.limit_s = least_ns.map { Double($0) / 1e9 }
    return (.POST, "trip", body)
  }

  /// A breaker that is forced open was not tripped: it closes when the override ends.
  func isReached(_ state: BreakerState) -> Bool { state == .open || state == .halfOpen }
}
