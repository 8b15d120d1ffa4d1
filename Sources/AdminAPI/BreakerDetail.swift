package import Pipeline

/// Answer of `GET /v1/breakers/{key}`: the group as the report has it, with `schema`, `at` and `notes` beside its keys.
package struct BreakerDetail: Codable, Equatable, Sendable {
  package var schema = BreakerDetail.schema
  /// The moment of the report it comes from.
  package var at: RFC3339
  package var group: Report.Group
  /// For display beside its numbers; left out if there are none.
  package var notes: [BreakerNote]?
  package static let schema = "stormfuse.breaker/1"

  package init(_ group: Report.Group, href: String, at: RFC3339) {
    self.group = group
    self.group.href = href
    self.at = at
    notes = BreakerNote.list(group, href: href)
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    schema = try container.decode(String.self, forKey: .schema)
    at = try container.decode(RFC3339.self, forKey: .at)
    notes = try container.decodeIfPresent([BreakerNote].self, forKey: .notes)
    group = try Report.Group(from: decoder)
  }

  package func encode(to encoder: any Encoder) throws {
    try group.encode(to: encoder)
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(schema, forKey: .schema)
    try container.encode(at, forKey: .at)
    try container.encodeIfPresent(notes, forKey: .notes)
  }

  private enum Keys: String, CodingKey { case schema, at, notes }
}
