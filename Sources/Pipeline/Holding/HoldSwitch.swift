/// What can hold connections: the kernel, live. Called on the engine's thread, between a verdict and whatever tells of it,
/// so that nothing is said to be held that is not. Each order may end by itself after `hold_limit`, and is repeated every
/// two seconds for as long as it is wanted.
package protocol HoldSwitch: AnyObject {
  /// Holds a connection's egress from now on, on these terms. Answers why not; nil if it is held.
  func hold(_ cookie: UInt64, _ terms: HoldTerms) -> String?
  /// Lets it pass again after that time. Answers what was counted since the hold began; nil if it was not held.
  func release(_ cookie: UInt64, after_ns: Int64) -> HoldCounters?
  /// How a connection that is held is kept alive.
  func keepalive(_ cookie: UInt64) -> Keepalive
  /// Refuses new connections of the target to that address, until `allow` or the order ends. Answers why not; nil if they
  /// are.
  func refuse(_ endpoint: Endpoint) -> String?
  func allow(_ endpoint: Endpoint)
}
