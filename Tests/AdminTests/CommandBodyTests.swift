import AdminAPI
import Testing

@Suite struct CommandBodyTests {
  private func read(_ text: String, of command: CommandAnswer.Name = .override) -> Result<CommandBody, Problem> {
    Result { () throws(Problem) in try CommandBody.read(Array(text.utf8), of: command) }
  }

  @Test func `a whole body is read, white space and null aside`() throws {
    let whole = #" {"state":"forced_open","limit_s":0.5,"reason":"DLQ fills 🐇","author":"ann@host"} "#
    #expect(
      try read(whole).get()
        == CommandBody(state: .forcedOpen, limit_s: 0.5, reason: "DLQ fills 🐇", author: "ann@host"))
    let short = #"{"state":"forced_closed","limit_s":null,"reason":"r","author":"a"}"#
    #expect(try read(short).get() == CommandBody(state: .forcedClosed, reason: "r", author: "a"))
    #expect(
      try read(#"{"reason":"r","author":"a"}"#, of: .reset).get() == CommandBody(reason: "r", author: "a"))
    #expect(
      try read(#"{"reason":"r","author":"a","limit_s":90}"#, of: .trip).get()
        == CommandBody(limit_s: 90, reason: "r", author: "a"))
  }

  @Test func `what is written reads back the same`() throws {
    for body in [
      CommandBody(state: .forcedOpen, limit_s: 86_400, reason: "\"\\/é\u{1f407}", author: "ü"),
      CommandBody(state: .forcedClosed, reason: "r", author: "a"),
    ] {
      let bytes = try JSON.encode(body)
      let read = try CommandBody.read(bytes, of: .override)
      #expect(read == body)
    }
  }

  @Test(arguments: [
    ("", "the body is empty"), ("[]", "not a JSON object"), ("{", "not a JSON object"), ("null", "not a JSON object"),
    (#"{"author":"a","state":"forced_open"}"#, "reason is missing"),
    (#"{"author":"a","state":"forced_open","reason":null}"#, "reason is missing"),
    (#"{"author":"a","state":"forced_open","reason":"  "}"#, "reason is empty"),
    (#"{"author":"a","state":"forced_open","reason":7}"#, "reason is not a string"),
    (#"{"author":"a","state":"forced_open","reason":"a\u0007b"}"#, "reason contains a control character"),
    (#"{"author":"a","state":"forced_open","reason":"a\nb"}"#, "reason contains a control character"),
    (#"{"author":"a","state":"forced_open","reason":"a\u2028b"}"#, "reason contains a control character"),
    (#"{"author":"a\u0085","state":"forced_open","reason":"r"}"#, "author contains a control character"),
    (#"{"reason":"r","state":"forced_open"}"#, "author is missing"),
    (#"{"reason":"r","author":"a"}"#, "state is missing"),
    (#"{"reason":"r","author":"a","state":"open"}"#, "state is not one"),
    (#"{"reason":"r","author":"a","state":true}"#, "state is not one"),
    (#"{"reason":"r","author":"a","state":"forced_open","limit_s":0}"#, "limit_s is not"),
    (#"{"reason":"r","author":"a","state":"forced_open","limit_s":-1}"#, "limit_s is not"),
    (#"{"reason":"r","author":"a","state":"forced_open","limit_s":86401}"#, "limit_s is not"),
    (#"{"reason":"r","author":"a","state":"forced_open","limit_s":1e999}"#, ""),
    (#"{"reason":"r","author":"a","state":"forced_open","limit_s":"900"}"#, "limit_s is not"),
    (#"{"reason":"r","author":"a","state":"forced_open","limit_s":"Infinity"}"#, "limit_s is not"),
    (#"{"reason":"r","author":"a","state":"forced_open","limit":900,"x":{}}"#, #"unknown field "limit", "x""#),
  ])
  func `what is wrong is named`(text: String, detail: String) {
    guard case .failure(let problem) = read(text) else { return #expect(Bool(false), "accepted: \(text)") }
    #expect(problem.status == 400 && problem.hint != nil)
    #expect(detail.isEmpty || problem.detail.contains(detail), "\(problem)")
  }

  @Test func `an override's fields are unknown elsewhere`() {
    let text = #"{"reason":"r","author":"a","limit_s":900,"state":"forced_open"}"#
    guard case .failure(let problem) = read(text, of: .reset) else { return #expect(Bool(false)) }
    #expect(problem.detail == #"unknown field "limit_s", "state""# && problem.hint == "known are author, reason")
    guard case .failure(let other) = read(text, of: .trip) else { return #expect(Bool(false)) }
    #expect(other.detail == #"unknown field "state""# && other.hint == "known are author, limit_s, reason")
  }

  @Test func `reason and author have bounds in bytes`() {
    func text(_ reason: Int, _ author: Int) -> String {
      let (reason, author) = (String(repeating: "é", count: reason), String(repeating: "a", count: author))
      return #"{"reason":"\#(reason)","author":"\#(author)"}"#
    }
    #expect((try? read(text(500, 200), of: .reset).get()) != nil)
    for (reason, author) in [(501, 1), (1, 201)] {
      guard case .failure(let problem) = read(text(reason, author), of: .reset) else {
        return #expect(Bool(false))
      }
      #expect(problem.status == 400)
    }
  }

  @Test func `nesting without end is refused, not followed`() {
    for unit in ["[", "{\"a\":"] {
      guard case .failure = read(String(repeating: unit, count: 3000)) else { return #expect(Bool(false)) }
    }
  }
}
