/// A verdict before anybody asked for its evidence: a plain value, made without allocating.
package struct Judgement: Equatable, Sendable {
  package var kind: Verdict.Kind
  /// The rule that decided; nil if none did (`healthy`, `failing`, `incomplete`, too few settlements).
  package var rule: Rule?
  /// Number of the partition that a per-partition rule is about.
  var partition: Int?
  /// The messages that are poison, or that crash again and again (`insufficient`).
  package var named: Named?

  init(_ kind: Verdict.Kind, rule: Rule? = nil, partition: Int? = nil, named: Named? = nil) {
    self.kind = kind
    self.rule = rule
    self.partition = partition
    self.named = named
  }

  /// Whether it is about the same thing: kind, rule and partition, whatever the numbers.
  func isSame(as other: Judgement) -> Bool {
    kind == other.kind && rule == other.rule && partition == other.partition
  }
}
