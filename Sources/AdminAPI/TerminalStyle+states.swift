package import Pipeline

extension TerminalStyle.Colour {
  package static func of(_ state: BreakerState) -> TerminalStyle.Colour {
    switch state {
    case .closed, .forcedClosed: .green
    case .halfOpen: .yellow
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
