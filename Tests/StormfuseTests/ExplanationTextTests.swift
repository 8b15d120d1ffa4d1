import AdminAPI
import Testing
import Traces

@testable import Pipeline
@testable import stormfuse

/// What `stormfuse explain` prints of recorded captures.
@Suite struct ExplanationTextTests {
  private func text(_ path: String, _ message: String? = nil, style: TerminalStyle = .plain) throws -> String {
    let explanation = ExplainCommand.explanation(of: message, try TraceReader(paths: [path]), Settings())
    return ExplanationText(explanation: explanation, style: style).text
  }

  @Test func `a list of the messages to explain`() throws {
    let expected = """
      30 messages, 11 of them to explain

      MESSAGE          DELIVERED  ATTEMPTS  FAILED  COPIES  ENDED     GROUP
      orders.vxlan-9           3         3       3       0  rejected  rabbitmq:%2F:orders.vxlan
      orders.vxlan-25          2         2       2       0  rejected  rabbitmq:%2F:orders.vxlan
      orders.vxlan-3           2         2       1       0  acked     rabbitmq:%2F:orders.vxlan
      orders.vxlan-12          2         2       1       0  acked     rabbitmq:%2F:orders.vxlan
      orders.vxlan-20          2         2       1       0  acked     rabbitmq:%2F:orders.vxlan
      orders.vxlan-28          2         2       1       0  acked     rabbitmq:%2F:orders.vxlan
      orders.vxlan-5           1         1       1       0  rejected  rabbitmq:%2F:orders.vxlan
      orders.vxlan-7           1         1       1       0  rejected  rabbitmq:%2F:orders.vxlan
      orders.vxlan-14          1         1       1       0  rejected  rabbitmq:%2F:orders.vxlan
      orders.vxlan-16          1         1       1       0  rejected  rabbitmq:%2F:orders.vxlan
      orders.vxlan-22          1         1       1       0  rejected  rabbitmq:%2F:orders.vxlan

      """
    #expect(try text(Captured.tunnel) == expected)
  }

  @Test func `the story of a message that was requeued and then rejected`() throws {
    let expected = """
      orders.vxlan-9 in rabbitmq:%2F:orders.vxlan
      delivered 3 times, 3 attempts, ended as rejected

      2026-11-30T12:29:37.319707969Z  +0.000000 s  delivered  attempt 1, to 10.9.0.2:48624, consumer 1
                                      +0.000046 s  requeued
                                      +0.000213 s  delivered  attempt 2 (redelivered), to 10.9.0.2:48624, consumer 1
                                      +0.000265 s  requeued
                                      +0.000424 s  delivered  attempt 3 (redelivered), to 10.9.0.2:48624, consumer 1
                                      +0.000464 s  rejected

      """
    #expect(try text(Captured.tunnel, "orders.vxlan-9") == expected)
  }

  @Test func `the story of a record with what was concluded of it`() throws {
    let expected = """
      orders-bad-gzip-4944-0@1 in kafka:g-bad
      delivered 3 times, 3 attempts, ended as dead-lettered

      2026-11-21T02:04:49.486623944Z  +0.000000 s  delivered  attempt 1, to 127.0.0.1:52956, consumer 1
                                      +0.401159 s  requeued   by repeated_seek
                                      +0.401159 s  delivered  attempt 2 (seek_back), to 127.0.0.1:52956, consumer 1
                                      +0.401159 s  requeued   by repeated_seek
                                      +0.401159 s  delivered  attempt 3 (seek_back), to 127.0.0.1:52956, consumer 1
                                      +0.401537 s  acked
                                      +0.406565 s  copied     to orders-bad-gzip-4944.DLT (dead letter), by counted_copy
                                      +0.406565 s  revised    was acked, is dead-lettered

      """
    #expect(try text(Captured.kafka, "orders-bad-gzip-4944/0/1") == expected)
  }

  @Test func `a capture in which nothing failed`() throws {
    #expect(try text(Captured.path) == "60 messages: each delivered once, none failed.\n")
    #expect(try text(Captured.nats) == "No message was delivered: NATS is not decoded yet.\n")
  }

  @Test func `colour on a terminal changes no word`() throws {
    let painted = try text(Captured.tunnel, "orders.vxlan-9", style: .colour)
    #expect(painted.contains("\u{1b}[31m"))
    // What stands between an escape and its m is left out.
    let plain = painted.split(separator: "\u{1b}", omittingEmptySubsequences: false).enumerated().map { index, part in
      index == 0 ? part : part.drop { $0 != "m" }.dropFirst()
    }
    #expect(try plain.joined() == text(Captured.tunnel, "orders.vxlan-9"))
  }

  @Test func `ids can't steer a terminal, and what is missing is said`() {
    let text = ExplanationText(
      explanation: Explanation(
        from: RFC3339(.zero), to: RFC3339(.zero), messages_seen: 1, dropped: 7,
        messages: [
          .init(
            id: "a\u{1b}[31mb", other_ids: [], is_identified: false, groups: ["g"], deliveries: 2, attempts: 2,
            failures: 1, copies: 0, revisions: 0, ended: "acked", first_at: RFC3339(.zero), last_at: RFC3339(.zero))
        ]), style: .plain
    ).text
    #expect(text.contains("a\\u{1b}[31mb"))
    #expect(text.contains("7 facts are missing"))
    #expect(text.contains("those that look alike are told as one"))
  }
}
