import Testing

@testable import Pipeline

@Suite struct MarkNameTests {
  private func name(_ text: String) -> MarkName {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBytes { MarkName(of: $0.bytes) }
  }

  @Test(arguments: [
    "retries", "_retries", "x-retry-count", "X-Retry", "x-retries", "NServiceBus.Retries", "MT-Redelivery-Count",
    "x-attempts", "retry_topic-attempts", "x-delivery-attempts", "retryTimes", "retry_times", "x-retry-times",
    "retrycount", "try_count", "fail_count", "requeue_count", "deliveryCount", "x-delivery-count",
  ])
  func `a name that speaks of tries is a counter's`(text: String) {
    #expect(name(text).contains(.counter) && !name(text).contains(.otherNumber))
  }

  @Test(arguments: [
    "max_retries", "retry_limit", "retry-delay", "retry_at", "x-retry-after", "page", "schema-version", "retries-left",
    "retryDelayMs", "last_retry_time", "stage", "seq",
  ])
  func `a limit, a moment or a number that grows for other reasons is none`(text: String) {
    #expect(!name(text).contains(.counter) && name(text).contains(.otherNumber))
  }

  @Test(arguments: [
    "entries", "countries", "industries", "retrieved", "retrieval_count", "shop", "department", "default",
  ])
  func `a word that has a part of another in it says nothing`(text: String) {
    #expect(name(text).rawValue == 0)
  }

  @Test func `attempts count from one, retries from none`() {
    #expect(name("x-attempt").contains(.countsFromOne))
    #expect(!name("x-retry-count").contains(.countsFromOne))
  }

  @Test func `names of other messages, errors and delays are told`() {
    for text in ["parent_id", "root_id", "causation-id", "traceparent", "x-correlation", "NServiceBus.RelatedTo"] {
      #expect(name(text).contains(.relation), "\(text)")
    }
    for text in ["x-exception-message", "error", "kafka_exception-fqcn", "traceback"] {
      #expect(name(text).contains(.error), "\(text)")
    }
    #expect(!name("traceback").contains(.relation))
    #expect(name("x-delay").contains(.delay) && name("eta").contains(.delay) && !name("metadata").contains(.delay))
    #expect(name("id").contains(.identity) && !name("idle").contains(.identity))
  }
}
