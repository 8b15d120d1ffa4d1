internal import AdminAPI
internal import Pipeline
internal import Yams

extension Configuration {
  /// The top level of the file.
  mutating func read(_ root: Node, _ reader: Reader) {
    reader.object(root, "") { file in
      settings.mode = file.word("mode", Mode.self) ?? settings.mode
      file.duration("window", &settings.window_ns, in: Bounds.window_ns)
      settings.cluster = file.text("cluster")
      if let node = file.take("rules") { settings.rules.read(node, "rules", reader) }
      if let node = file.take("breaker") { settings.breaker.read(node, reader) }
      settings.destinations.deadLetter = file.texts("dead_letter") ?? []
      settings.destinations.retry = file.texts("retry") ?? []
      settings.destinations.normal = file.texts("normal") ?? []
      settings.destinations.check(file)
      file.flag("conventional_names", &settings.destinations.conventional)
      file.duration("hold_limit", &settings.holding.limit_ns, in: Bounds.hold_ns)
      settings.holding.sharedConnections =
        file.word("shared_connections", SharedConnections.self) ?? settings.holding.sharedConnections
      file.duration("shared_connections_age", &settings.holding.sharedAge_ns, in: Bounds.wait_ns)
      state = file.text("state")
      if let node = file.take("limits") { settings.limits.read(node, reader) }
      if let node = file.take("groups") {
        settings.groups = GroupSettings.readAll(reader.list(node, "groups"), base: settings.rules, reader)
      }
      settings.checkEvaluation(file)
      if let node = file.take("admin") { admin.read(node, reader) }
      if let node = file.take("webhook") { webhook = WebhookSettings.read(node, reader) }
      events = file.text("events")
      if let node = file.take("capture") { capture.read(node, reader) }
    }
  }
}

extension BreakerSettings {
  fileprivate mutating func read(_ node: Node, _ reader: Reader) {
    reader.object(node, "breaker") { breaker in
      breaker.duration("open_base", &openBase_ns, in: Bounds.openTime_ns)
      breaker.duration("open_maximum", &openMaximum_ns, in: Bounds.openTime_ns)
      breaker.duration("open_reset", &openReset_ns, in: Bounds.wait_ns)
      breaker.share("jitter", &jitter, in: 0...0.9)
      var seed = 0
      breaker.count("seed", &seed, in: 0...Int.max)
      if breaker.mark("seed") != nil { self.seed = UInt64(seed) }
      breaker.count("probes", &probes, in: 1...10_000)
      breaker.duration("half_open", &halfOpen_ns, in: Bounds.wait_ns)
      breaker.duration("max_episode", &maxEpisode_ns, in: Bounds.wait_ns)
      breaker.duration("trip_open", &tripOpen_ns, in: Bounds.override_ns)
      breaker.duration("forced_open", &forcedOpen_ns, in: Bounds.override_ns)
      breaker.order(("open_base", openBase_ns), atMost: ("open_maximum", openMaximum_ns), "make it at most that")
      breaker.order(
        ("open_maximum", openMaximum_ns), atMost: ("max_episode", maxEpisode_ns),
        "an episode would be over before one opening is; make max_episode several times open_maximum")
    }
  }
}

extension LimitSettings {
  fileprivate mutating func read(_ node: Node, _ reader: Reader) {
    reader.object(node, "limits") { limits in
      limits.count("groups", &groups, in: 1...1_000_000)
      limits.count("messages", &messages, in: 16...16_777_216)
      limits.count("connections", &connections, in: 1...1_048_576)
      limits.count("in_flight", &inFlight, in: 16...67_108_864)
    }
  }
}

extension AdminSettings {
  fileprivate mutating func read(_ node: Node, _ reader: Reader) {
    reader.object(node, "admin") { admin in
      tokenFile = admin.text("token_file")
      if let text = admin.text("listen") {
        do throws(Listen.ParseError) {
          listen = try Listen.parse(text, reach: tokenFile == nil ? .loopback : .addresses)
        } catch {
          reader.refuse(admin.mark("listen"), "admin.listen: \(error.description)")
        }
      }
      hosts = admin.texts("hosts") ?? []
      for host in hosts where !Listen.isName(host) && Listen.addressBytes(host) == nil {
        reader.refuse(
          admin.mark("hosts"), "admin.hosts: \"\(host)\" is not a host's name: write it without scheme and port")
      }
      if let text = admin.text("metrics") {
        do throws(Listen.ParseError) {
          metrics = try Listen.parseMetrics(text)
        } catch {
          reader.refuse(admin.mark("metrics"), "admin.metrics: \(error.description)")
        }
        if let metrics, metrics == listen, case .tcp(_, let port) = metrics, port != 0 {
          reader.refuse(
            admin.mark("metrics"),
            "admin.metrics is admin.listen's address: give it another port, or leave it out (/metrics is there too)")
        }
      }
    }
  }
}

extension WebhookSettings {
  /// Nil when it names no address.
  fileprivate static func read(_ node: Node, _ reader: Reader) -> WebhookSettings? {
    var settings = WebhookSettings(url: "")
    reader.object(node, "webhook") { webhook in
      if let url = webhook.text("url") {
        if isAddress(url) {
          settings.url = url
        } else {
          reader.refuse(webhook.mark("url"), "webhook.url must be http://HOST… or https://HOST…")
        }
      } else if webhook.mark("url") == nil {
        reader.refuse(node.mark, "webhook has no url: name the address to post to, or leave webhook out")
      }
      webhook.duration("timeout", &settings.timeout_ns, in: .milliseconds(100) ... .seconds(300))
      webhook.count("retries", &settings.retries, in: 0...100)
      webhook.duration("retry_for", &settings.retryFor_ns, in: .seconds(1) ... .seconds(86_400))
      if settings.retries > 0 {
        webhook.order(
          ("timeout", settings.timeout_ns), atMost: ("retry_for", settings.retryFor_ns),
          "after one try that times out there would be no other; make retry_for longer, or retries 0")
      }
      if let node = webhook.take("headers") { settings.headers = readHeaders(node, reader) }
    }
    return settings.url.isEmpty ? nil : settings
  }

  private static func readHeaders(_ node: Node, _ reader: Reader) -> [Header] {
    guard case .mapping(let mapping) = node else {
      reader.refuse(node.mark, "webhook.headers must be a mapping (Name: value), not \(Reader.kind(node))")
      return []
    }
    return mapping.compactMap { key, value in
      guard case .scalar(let scalar) = key, isToken(scalar.string) else {
        reader.refuse(key.mark, "webhook.headers: \(Reader.kind(key)) is not a header's name")
        return nil
      }
      guard !scalar.string.hasPrefix(SourceText.placeholder) else { return nil }
      guard !ownHeaders.contains(scalar.string.lowercased()) else {
        reader.refuse(key.mark, "webhook.headers: \(scalar.string) is stormfuse's own to set: leave it out")
        return nil
      }
      guard let text = reader.text(value, "webhook.headers.\(scalar.string)") else { return nil }
      guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
        reader.refuse(value.mark, "webhook.headers.\(scalar.string) contains a line break or control character")
        return nil
      }
      return Header(name: scalar.string, value: text)
    }
  }

  /// What frames a request, or tells one event from another.
  private static let ownHeaders: Set = [
    "connection", "content-length", "content-type", "idempotency-key", "transfer-encoding",
  ]

  /// Scheme and host are there and nothing in it would have to be escaped.
  private static func isAddress(_ text: String) -> Bool {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return false }
    for scheme in ["http://", "https://"] where text.lowercased().hasPrefix(scheme) {
      let authority = text.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
      let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
      return !host.isEmpty && !host.hasPrefix(":")
    }
    return false
  }

  /// A token of RFC 9110 section 5.6.2.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        $0 >= 0x30 && $0 <= 0x39 || $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a || "!#$%&'*+-.^_`|~".utf8.contains($0)
      }
  }
}

extension CaptureSettings {
  fileprivate mutating func read(_ node: Node, _ reader: Reader) {
    reader.object(node, "capture") { capture in
      capture.bytes("ring", &ring_bytes, in: 1 << 16...1 << 30)
      if ring_bytes.nonzeroBitCount != 1 {
        // The kernel's ring buffer takes only powers of two (and whole pages).
        let below = 1 << (Int.bitWidth - 1 - ring_bytes.leadingZeroBitCount)
        let near = ring_bytes - below < 2 * below - ring_bytes ? below : 2 * below
        reader.refuse(
          capture.mark("ring"),
          "capture.ring must be a power of two, which \(Quantity.bytesText(ring_bytes)) is not: did you mean "
            + "\(Quantity.bytesText(near))?")
      }
    }
  }
}

/// What is possible at all; what is sensible is the operator's to say.
enum Bounds {
  static let window_ns: ClosedRange<Int64> = .seconds(1) ... .seconds(86_400)
  static let openTime_ns: ClosedRange<Int64> = .milliseconds(10) ... .seconds(3600)
  /// Something that is waited for, and counted in deliveries: shorter than a second it would end before one came.
  static let wait_ns: ClosedRange<Int64> = .seconds(1) ... .seconds(7 * 86_400)
  /// As the admin API has it.
  static let override_ns: ClosedRange<Int64> = .seconds(1) ... .seconds(Int64(CommandBody.longestLimit_s))
  static let evaluation_ns: ClosedRange<Int64> = .milliseconds(10) ... .seconds(60)
  /// Longer ones were not tested.
  static let hold_ns: ClosedRange<Int64> = .seconds(1) ... .seconds(600)
  /// From an AMQP acknowledgement a second: less would let nothing but the trickle pass.
  static let rate_bytes_s: ClosedRange<UInt64> = 21...1 << 36
  static let samples = 1...1_000_000
  static let retries: ClosedRange<Double> = 0...1_000_000
  /// Below half of the bytes seen a verdict would be a guess.
  static let coverage = 0.5...1
}
