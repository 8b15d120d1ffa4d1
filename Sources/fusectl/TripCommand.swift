internal import AdminAPI
internal import ArgumentParser
internal import NIOHTTP1
internal import Pipeline

/// `fusectl trip KEY --reason TEXT`: one opening.
struct TripCommand: ChangeCommand {
  static let configuration = CommandConfiguration(
    commandName: "trip", abstract: "Opens a breaker once, as if a rule had.",
    discussion: "Exit code 4 if traffic is not really held then, 1 if an override is in force; the text says why.")

  @OptionGroup var change: ChangeOptions
  @OptionGroup var common: CommonOptions

  var wantsHeld: Bool { true }
  func request() -> (method: HTTPMethod, action: String, body: CommandBody) { (.POST, "trip", change.body) }
  /// A breaker that is forced open was not tripped: it closes when the override ends.
  func isReached(_ state: BreakerState) -> Bool { state == .open || state == .halfOpen }
}
