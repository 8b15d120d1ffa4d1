/// A span of time during which a group's verdict was `storm`, `poison`, `crash_loop`, `stalled` or
/// `incomplete`.
package struct Episode: Equatable, Sendable {
  package var kind: Verdict.Kind
  /// The rule that decided when it began.
  package var rule: Rule?
  package var from: Timestamp
  /// Nil while it lasts.
  package var to: Timestamp?
  /// As it was when the episode began.
  package var evidence: [Evidence]
}

/// The episodes of one group, oldest first.
///
/// An episode lasts while the verdict's kind stays. If the same kind is back within a tenth of the window, it is the
/// same episode going on: a message that is failed and delivered again by turns makes the verdict flicker, and a list of
/// flickers tells nobody anything. Closing a breaker starts the window anew: it ends an episode for good.
///
/// Memory: the last 256; older ones go and are counted in `dropped`.
package struct Episodes: Equatable, Sendable {
  package private(set) var list: [Episode] = []
  package private(set) var dropped = 0
  private var mergeWithin_ns: Int64
  private var mayResume = false

  init(window_ns: Int64) { mergeWithin_ns = window_ns / 10 }

  mutating func replace(window_ns: Int64) { mergeWithin_ns = window_ns / 10 }

  /// Whether a verdict of this kind is an episode.
  static func tells(of kind: Verdict.Kind) -> Bool {
    switch kind {
    case .incomplete, .storm, .poison, .crashLoop, .stalled: true
    // `failing` is a verdict only. It is no episode, so it raises no alert.
    case .failing, .insufficient, .healthy: false
    }
  }

  /// The verdict's kind became `kind`; `verdict` is asked for only if an episode begins.
  mutating func enter(_ kind: Verdict.Kind, at now: Timestamp, verdict: () -> Verdict) {
    end(at: now)
    guard Self.tells(of: kind) else { return }
    if mayResume, let last = list.last, last.kind == kind, let to = last.to, now - to <= mergeWithin_ns {
      list[list.count - 1].to = nil
      return
    }
    if list.count == Self.most {
      list.removeFirst()
      dropped += 1
    }
    mayResume = true
    let verdict = verdict()
    list.append(Episode(kind: kind, rule: verdict.rule, from: now, to: nil, evidence: verdict.evidence))
  }

  /// What comes after this is a new episode, whatever its kind.
  mutating func endForGood(at now: Timestamp) {
    end(at: now)
    mayResume = false
  }

  private mutating func end(at now: Timestamp) {
    guard let last = list.last, last.to == nil else { return }
    list[list.count - 1].to = max(now, last.from)
  }

  package static let most = 256
}
