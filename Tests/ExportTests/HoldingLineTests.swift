import AdminAPI
import Testing

@testable import Export

@Suite struct HoldingLineTests {
  private func line(_ kind: String, why: String, detail: String? = nil, connections: Int = 2) throws -> Substring {
    let words = detail.map { "\"why_detail\":\"\($0)\"," } ?? ""
    let event = try JSON.decode(
      HoldingEvent.self,
      from: Array(
        """
        {"schema":"stormfuse.hold/1","id":"x","key":"rabbitmq:%2F:orders","href":"/v1/breakers/x","cluster":"c",
         "system":"rabbitmq","group":"orders","target":"t","owner":null,"runbook":null,"mode":"enforce",
         "at":"2026-11-20T23:59:59.123456789Z","kind":"\(kind)","why":"\(why)",\(words)"state":"open","revision":3,
         "connections":\(connections),"exposure":4}
        """.utf8))
    let text = HoldingLine.text(event)
    let start = "2026-11-20T23:59:59.123Z rabbitmq:%2F:orders "
    #expect(text.hasPrefix(start))
    return text.dropFirst(start.count)
  }

  @Test func `a reason is told in words, the kernel's in its own`() throws {
    #expect(
      try line("not_held", why: "shared_publishes") == "not held, 2 connections: shared: it also publishes")
    #expect(
      try line("not_held", why: "kernel", detail: "4096 connections are held already", connections: 1)
        == "not held, 1 connection: 4096 connections are held already")
    // Of a later version.
    #expect(try line("not_held", why: "other") == "not held, 2 connections: other")
  }

  @Test func `what is held is told by its action, without a connection too`() throws {
    #expect(try line("held", why: "pause") == "held, 2 connections: pause; 4 will still run")
    #expect(
      try line("held", why: "block", connections: 0) == "held: block; 4 will still run")
  }
}
