/// Makes messages' stories of a journal. Cost: one walk over its entries.
struct Storyteller {
  let journal: Journal
  /// How far the wall clock is ahead of the engine's time.
  let wallAhead_ns: Int64
  let from: Timestamp
  let to: Timestamp

  /// The messages that are worth explaining, those with the most attempts and failures first; without their events.
  func list() -> Explanation {
    let stories = stories()
    var messages = stories.map { message($0.message, $0.entries) }.filter(\.isWorthExplaining)
    messages.sort {
      ($1.attempts, $1.failures, $0.first_at.timestamp, $0.id) < (
        $0.attempts, $0.failures, $1.first_at.timestamp, $1.id
      )
    }
    return explanation(messages, seen: stories.count)
  }

  /// All messages of that name, with their events.
  func tell(_ name: String) -> Explanation {
    let stories = stories()
    var found: [Explanation.Message] = []
    for story in stories {
      var message = message(story.message, story.entries)
      guard message.isNamed(name) else { continue }
      message.events = events(story.entries)
      found.append(message)
    }
    return explanation(found, seen: stories.count)
  }

  private func explanation(_ messages: [Explanation.Message], seen: Int) -> Explanation {
    Explanation(from: wall(from), to: wall(to), messages_seen: seen, dropped: journal.dropped, messages: messages)
  }

  /// Entries by message, in the order in which messages were first met.
  private func stories() -> [(message: UInt64, entries: [Journal.Entry])] {
    var places: [UInt64: Int] = [:]
    var stories: [(message: UInt64, entries: [Journal.Entry])] = []
    for entry in journal.entries {
      if let place = places[entry.message] {
        stories[place].entries.append(entry)
      } else {
        places[entry.message] = stories.count
        stories.append((entry.message, [entry]))
      }
    }
    // A rule may have concluded something of a message that was never delivered here.
    return stories.filter { story in story.entries.contains { if case .delivered = $0.what { true } else { false } } }
  }

  private func message(_ hash: UInt64, _ entries: [Journal.Entry]) -> Explanation.Message {
    let ids = journal.ids[hash] ?? []
    var message = Explanation.Message(
      id: ids.first ?? Group.unnamed(hash), other_ids: Array(ids.dropFirst()), is_identified: true, groups: [],
      deliveries: 0, attempts: 0, failures: 0, copies: 0, revisions: 0, ended: "in_flight",
      first_at: wall(entries[0].at), last_at: wall(entries[entries.count - 1].at))
    var open = 0
    for entry in entries {
      let key = journal.groups[Int(entry.group)].key
      switch entry.what {
      case .delivered(let attempt, _, _, _, let arrived):
        if !message.groups.contains(key) { message.groups.append(key) }
        message.deliveries += 1
        message.attempts = max(message.attempts, Int(attempt))
        if arrived.contains(.withoutID) { message.is_identified = false }
        open += 1
      case .settled(let settlement):
        open -= 1
        message.ended = settlement.name
        if settlement.isFailure { message.failures += 1 }
      case .revised(let before, let after):
        message.revisions += 1
        message.ended = after.name
        message.failures += (after.isFailure ? 1 : 0) - (before.isFailure ? 1 : 0)
      case .withdrawn:
        open -= 1
        message.deliveries -= 1
      case .copied: message.copies += 1
      case .acknowledged, .inferred, .because, .moved, .returned: break
      }
    }
    if open > 0 { message.ended = "in_flight" }
    return message
  }

  private func events(_ entries: [Journal.Entry]) -> [Explanation.Event] {
    var events: [Explanation.Event] = []
    // What a rule concluded is told with what follows from it.
    var concluded: String?
    var cause: RequeueCause?
    for (place, entry) in entries.enumerated() {
      var event = Explanation.Event(
        at: wall(entry.at), event: .settled, group: journal.groups[Int(entry.group)].key)
      switch entry.what {
      case .delivered(let attempt, let source, let consumer, let connection, let arrived):
        event.event = .delivered
        event.attempt = Int(attempt)
        event.attempt_source = journal.groups[Int(entry.group)].name(of: source)
        event.consumer = Int(consumer)
        if connection != .max { event.connection = journal.connections[Int(connection)].description }
        if arrived.contains(.again) { event.redelivered = true }
        if arrived.contains(.duplicate) { event.duplicate = true }
        if arrived.contains(.copy) { event.returned_copy = true }
      case .settled(let settlement):
        event.settlement = settlement.name
        event.inference = concluded
        event.cause = cause?.rawValue
        (concluded, cause) = (nil, nil)
      case .acknowledged: event.event = .copy_acknowledged
      case .copied(let destination, let kind):
        event.event = .copied
        event.destination = journal.names[Int(destination)]
        event.kind = kind.rawValue
      case .revised(let before, let after):
        event.event = .revised
        event.was = before.name
        event.settlement = after.name
        event.inference = concluded
        event.cause = cause?.rawValue
        (concluded, cause) = (nil, nil)
      case .because(let why):
        cause = why
        continue
      case .inferred(let rule):
        let rule = journal.names[Int(rule)]
        if let copy = events.lastIndex(where: { $0.event == .copied }), events[copy].inference == nil,
          events[copy].at == event.at
        {
          events[copy].inference = rule
          continue
        }
        if place + 1 < entries.count, entries[place + 1].at == entry.at, entries[place + 1].what.isEnd {
          concluded = rule
          continue
        }
        event.event = .inferred
        event.inference = rule
      case .moved: event.event = .handed_back
      case .returned: event.event = .returned
      case .withdrawn: event.event = .withdrawn
      }
      events.append(event)
    }
    return events
  }

  private func wall(_ at: Timestamp) -> RFC3339 { RFC3339(at + wallAhead_ns) }
}
