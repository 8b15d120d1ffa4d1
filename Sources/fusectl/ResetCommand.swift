internal import AdminAPI
internal import ArgumentParser
internal import NIOHTTP1
internal import Pipeline

/// `fusectl reset KEY --reason TEXT`: one closing.
struct ResetCommand: ChangeCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset", abstract: "Closes a breaker once, starts its window anew and lets rules trip it again.",
    discussion: "Does not end an override: that is fusectl override KEY --clear.")

  @OptionGroup var change: ChangeOptions
  @OptionGroup var common: CommonOptions

  var wantsHeld: Bool { false }
  func request() -> (method: HTTPMethod, action: String, body: CommandBody) { (.POST, "reset", change.body) }
  func isReached(_ state: BreakerState) -> Bool { state == .closed }
}
