internal import AdminAPI
internal import Pipeline
internal import Yams

extension GroupSettings {
  /// `groups:`. Entries without a pattern are left out.
  static func readAll(_ nodes: [Node], base: RuleSettings, _ reader: Reader) -> [GroupSettings] {
    var entries: [Entry] = []
    for (index, node) in nodes.enumerated() {
      if let entry = read(node, "groups[\(index)]", base: base, reader) { entries.append(entry) }
    }
    for (index, entry) in entries.enumerated() {
      entry.checkOrder(entries[..<index], reader)
      // A rate may stand in one entry and the action in another: later entries win setting by setting.
      if let mark = entry.marks["rate"], entry.settings.action == nil,
        !entries.contains(where: { $0.settings.action == .throttle })
      {
        reader.refuse(
          mark,
          "\(entry.path).rate: nothing here throttles, so it would have no effect: add action: throttle, or leave "
            + "rate out")
      }
    }
    return entries.map(\.settings)
  }

  private struct Entry {
    var path: String
    var settings: GroupSettings
    /// Of each key that it has.
    var marks: [String: Mark]
    var place: Mark?

    /// Refuses what an entry further down makes void without a word.
    func checkOrder(_ earlier: ArraySlice<Entry>, _ reader: Reader) {
      if let same = earlier.first(where: { $0.settings.match == settings.match }) {
        let line = same.place.map { " (line \($0.line))" } ?? ""
        reader.refuse(place, "\(path) has the same match as \(same.path)\(line): write both as one entry")
      } else if settings.match.allSatisfy({ $0 == "*" }) {
        for other in earlier {
          guard let key = marks.keys.sorted().first(where: { $0 != "match" && other.marks[$0] != nil }) else {
            continue
          }
          return reader.refuse(
            place,
            "\(path) matches every key and later entries win, so \(other.path).\(key) would never hold: put "
              + "\(path) before it")
        }
      }
    }
  }

  /// Nil when the entry names no pattern.
  private static func read(_ node: Node, _ path: String, base: RuleSettings, _ reader: Reader) -> Entry? {
    var settings = GroupSettings(match: "")
    var marks: [String: Mark] = [:]
    reader.object(node, path) { group in
      for (name, _, value) in group.pairs { marks[name] = value.mark }
      if let match = group.text("match") {
        settings.match = match
        if let problem = problem(ofPattern: match) { reader.refuse(group.mark("match"), "\(path).match: \(problem)") }
      } else if group.mark("match") == nil {
        reader.refuse(node.mark, "\(path) has no match: name the groups it is for, as in match: \"rabbitmq:*:orders*\"")
      }
      settings.mode = group.word("mode", Mode.self)
      settings.action = group.word("action", HoldAction.self)
      settings.rate_bytes_s = group.rate("rate", in: Bounds.rate_bytes_s)
      settings.standingRate_bytes_s = group.rate("standing_rate", in: Bounds.rate_bytes_s)
      settings.sharedConnections = group.word("shared_connections", SharedConnections.self)
      settings.checkRates(group)
      settings.owner = group.text("owner")
      settings.runbook = group.text("runbook")
      group.duration("window", &settings.window_ns, in: Bounds.window_ns)
      if let node = group.take("rules") {
        var rules = base
        rules.read(node, "\(path).rules", reader)
        settings.rules = rules
      }
    }
    return settings.match.isEmpty ? nil : Entry(path: path, settings: settings, marks: marks, place: node.mark)
  }

  private func checkRates(_ group: ObjectReader) {
    let (reader, path) = (group.reader, group.path)
    if action == .throttle, rate_bytes_s == nil, group.mark("rate") == nil {
      reader.refuse(
        group.mark("action"),
        "\(path) throttles, but says not to what: add rate, in payload bytes a second (an acknowledgement takes 21: "
          + "rate: 2KiB lets about 100 a second pass)")
    }
    if let action, action != .throttle, let mark = group.mark("rate") {
      reader.refuse(
        mark, "\(path).rate has no effect with action: \(action.rawValue): write action: throttle, or leave rate out")
    }
    if let rate_bytes_s, let standing = standingRate_bytes_s, action == .throttle, standing < rate_bytes_s {
      reader.refuse(
        group.mark("standing_rate"),
        "\(path).standing_rate, which holds while the breaker is closed, is less than rate: opening would let more pass; "
          + "make it at least rate")
    }
    if mode == .observe, let mark = group.mark("standing_rate") {
      reader.refuse(
        mark,
        "\(path).standing_rate has no effect in mode: observe, in which nothing is held: write mode: enforce, or "
          + "leave it out")
    }
  }

  /// Why a pattern can match no key, and what was probably meant; nil if it can.
  private static func problem(ofPattern pattern: String) -> String? {
    let strange = pattern.unicodeScalars.first { scalar in
      !"*?:%".unicodeScalars.contains(scalar) && PercentEncoding.encode(String(scalar)) != String(scalar)
    }
    if let strange {
      let parts = pattern.split(separator: ":", omittingEmptySubsequences: false).map { part in
        part.unicodeScalars.map { "*?%".unicodeScalars.contains($0) ? String($0) : PercentEncoding.encode(String($0)) }
          .joined()
      }
      return "no key contains \"\(strange)\", for the parts of keys are percent-encoded: did you mean "
        + "\"\(parts.joined(separator: ":"))\"?"
    }
    let fixed = pattern.prefix { $0 != "*" && $0 != "?" }
    let isWhole = fixed.count == pattern.count
    let canBegin = systems.contains { system in
      fixed.hasPrefix(system) || !isWhole && system.hasPrefix(fixed)
    }
    if canBegin { return nil }
    return
      "no key begins so, for keys are SYSTEM:…, as in rabbitmq:VHOST:QUEUE: did you mean \"rabbitmq:*:\(pattern)\"?"
  }

  /// With what keys begin, those of systems to come included.
  private static let systems = ["rabbitmq:", "kafka:", "nats:", "redis:"]
}

extension DestinationSettings {
  /// Refuses patterns that name everything, and one name as two things.
  func check(_ file: ObjectReader) {
    let lists = [("dead_letter", deadLetter), ("retry", retry), ("normal", normal)]
    for (index, (name, patterns)) in lists.enumerated() {
      for pattern in patterns where pattern.allSatisfy({ $0 == "*" }) {
        file.reader.refuse(
          file.mark(name),
          "\(name): \"\(pattern)\" would make every destination \(name == "normal" ? "a normal" : "such a") one: "
            + (name == "normal" ? "to go without the usual names, write conventional_names: off" : "name them"))
      }
      for (other, others) in lists[..<index] {
        for pattern in patterns where others.contains(where: { $0.lowercased() == pattern.lowercased() }) {
          file.reader.refuse(file.mark(name), "\(name): \"\(pattern)\" stands in \(other), too: keep one of them")
        }
      }
    }
  }
}

extension Settings {
  /// Judging less often than a window is long would pass over what happened in it.
  func checkEvaluation(_ file: ObjectReader) {
    let windows =
      [("window", window_ns)]
      + groups.compactMap { group in
        group.window_ns.map { ("the window of groups with match \"\(group.match)\"", $0) }
      }
    guard let (name, ns) = windows.min(by: { $0.1 < $1.1 }), rules.evaluation_ns > ns else { return }
    file.reader.refuse(
      file.mark("rules") ?? file.mark("window"),
      "rules.evaluation (\(Quantity.durationText(rules.evaluation_ns))) is longer than \(name) "
        + "(\(Quantity.durationText(ns))): storms would come and go unseen; make it at most a tenth of that")
  }
}
