import AdminAPI
import Testing

@testable import Export

@Suite struct AlertLineTests {
  private func line(
    _ kind: String, state: String = "began", key: String = "rabbitmq:%2F:orders", why: String? = nil,
    messages: [String] = [], victims: [String] = [], until: String? = nil, lost: Int? = nil
  ) throws -> Substring {
    func quoted(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }
    let event = try JSON.decode(
      AlertEvent.self,
      from: Array(
        """
        {"schema":"stormfuse.alert/1","id":"x","key":"\(key)","href":"/v1/breakers/x","cluster":"c",
         "system":"rabbitmq","group":"orders","target":"t","owner":null,"runbook":null,"mode":"enforce",
         "at":"2026-11-20T23:59:59.123456789Z","kind":"\(kind)","state":"\(state)",
         "since":"2026-11-20T23:58:00.000000000Z","until":\(quoted(until)),"why":\(quoted(why)),
         "lost":\(lost.map { "\($0)" } ?? "null"),
         "evidence":[],"messages":[\(messages.map(quoted).joined(separator: ","))],
         "victims":[\(victims.map(quoted).joined(separator: ","))]}
        """.utf8))
    let text = AlertLine.text(event)
    #expect(text.hasPrefix("2026-11-20T23:59:59.123Z "))
    return text.dropFirst(25)
  }

  @Test func `an alert names what it is about`() throws {
    #expect(try line("stalled") == "rabbitmq:%2F:orders alert: stalled")
    #expect(try line("poison", messages: ["a", "b"]) == "rabbitmq:%2F:orders alert: poison; messages a, b")
    #expect(
      try line("crash_loop", messages: ["a"], victims: ["b", "c", "d", "e", "f", "g"])
        == "rabbitmq:%2F:orders alert: crash loop; in flight at each crash: a; near to the delivery limit: b, c, d, e, f "
        + "and 1 more")
    #expect(
      try line("unholdable", why: "no_ack")
        == "rabbitmq:%2F:orders alert: could not be held by pause: no_ack: its consumers don't acknowledge, so deliveries "
        + "would not stop")
  }

  @Test func `its end says how long it lasted`() throws {
    #expect(
      try line("stalled", state: "ended", until: "2026-11-20T23:59:30.000000000Z")
        == "rabbitmq:%2F:orders alert over: stalled, after 90 s")
    #expect(
      try line("events", state: "ended", key: "", until: "2026-11-20T23:59:30.000000000Z", lost: 7)
        == "stormfuse alert over: events can't be written, after 90 s; 7 events lost")
  }

  @Test func `one of the sidecar's own has no group`() throws {
    #expect(
      try line("state", key: "", why: "not saved since noon: disk full")
        == "stormfuse alert: the breakers' state can't be saved: not saved since noon: disk full")
  }
}
