/// What a report carries for others in the process (the metrics, the text) and its JSON leaves out. A decoded report has
/// the empty value, and is equal to the one that it was written from: this is not compared.
@propertyWrapper
package struct NotInJSON<Value: EmptyValue>: Codable, Equatable, Sendable {
  package var wrappedValue: Value
  package init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
  package init(from decoder: any Decoder) { wrappedValue = Value() }
  package func encode(to encoder: any Encoder) {}
  package static func == (_: NotInJSON, _: NotInJSON) -> Bool { true }
}

package protocol EmptyValue: Equatable, Sendable {
  init()
}

extension KeyedEncodingContainer {
  package mutating func encode<Value>(_: NotInJSON<Value>, forKey key: Key) throws {}
}

extension KeyedDecodingContainer {
  package func decode<Value>(_: NotInJSON<Value>.Type, forKey key: Key) throws -> NotInJSON<Value> {
    NotInJSON(wrappedValue: Value())
  }
}
