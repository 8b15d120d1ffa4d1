import Testing

@testable import Pipeline

@Suite struct GlobTests {
  @Test(arguments: [
    ("", "", true), ("", "a", false), ("*", "", true), ("*", "anything at all", true), ("a", "a", true),
    ("a", "b", false), ("a", "ab", false), ("?", "", false), ("?", "x", true), ("?", "ü", true), ("??", "ü", false),
    ("rabbitmq:*:orders*", "rabbitmq:%2F:orders", true), ("rabbitmq:*:orders*", "rabbitmq:%2F:orders.eu", true),
    ("rabbitmq:*:orders*", "rabbitmq:%2F:payments", false), ("rabbitmq:*:orders*", "kafka:orders", false),
    ("*.dlq", "orders.dlq", true), ("*.dlq", "orders.dlq.old", false), ("*dlq*", "orders.dlq.old", true),
    ("a*b*c", "abxbxc", true), ("a*b*c", "abxbx", false), ("a**c", "abc", true), ("*?", "", false),
    ("*?c", "abc", true), ("?*?", "a", false), ("a*a", "a", false), ("[ab]", "a", false), ("[ab]", "[ab]", true),
    ("*ü?", "xüü", true),
  ])
  func `matches as a shell would, without brackets`(pattern: String, name: String, matches: Bool) {
    #expect(Glob(pattern).matches(name) == matches)
  }

  @Test func `can tell capitals apart or not`() {
    #expect(!Glob("orders.DLQ").matches("Orders.dlq"))
    #expect(Glob("orders.DLQ", ignoresCase: true).matches("Orders.dlq"))
    #expect(!Glob("a@b", ignoresCase: true).matches("a`b"))
    #expect(!Glob("[", ignoresCase: true).matches("{"))
  }

  @Test(.timeLimit(.minutes(1))) func `many stars cost no more than pattern times name`() {
    let pattern = String(repeating: "a*", count: 200) + "b"
    let name = String(repeating: "a", count: 20_000)
    #expect(!Glob(pattern).matches(name))
    #expect(Glob(pattern).matches(name + "b"))
  }
}
