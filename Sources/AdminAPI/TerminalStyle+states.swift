package import Pipeline

extension TerminalStyle.Colour {
  /// - Parameter verdict: Of the group now; a closed breaker is good only where that is healthy. Nil: of the transition to
  ///   that state.
  package static func of(_ state: BreakerState, verdict: Verdict.Kind? = nil) -> TerminalStyle.Colour? {
    switch state {
    case .closed: verdict == nil || verdict == .healthy ? .green : nil
    case .halfOpen, .forcedClosed: .yellow
    case .open, .forcedOpen: .red
    }
  }

  package static func of(_ verdict: Verdict.Kind) -> TerminalStyle.Colour {
    switch verdict {
    case .healthy: .green
    case .storm: .red
    case .poison, .crashLoop, .stalled, .failing, .incomplete: .yellow
    case .insufficient: .grey
    }
  }
}
