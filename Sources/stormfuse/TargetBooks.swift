#if os(Linux)
  import ConfigurationFile
  import Kernel
  import Pipeline
  import State

  /// What belongs to one target beside its engine: what is published of it, what is asked of it, what of it outlives the
  /// process. Nothing of it is shared with another target.
  struct TargetBooks {
    let choice: TargetChoice
    let box: ReportBox
    let commands: Commands

    /// Of one target the state lies in the state directory itself; of several, each has a directory in it that bears its
    /// name.
    static func open(
      _ choices: [TargetChoice], _ settings: Settings, state: String?
    ) throws -> [TargetBooks] {
      guard choices.count > 1 else { return [try TargetBooks(choices[0], name: "", settings, state: state)] }
      let targets = try choices.map { try $0.resolve() }
      let names = targets.map(\.name)
      for (index, target) in targets.enumerated() {
        for other in targets[..<index] {
          if other.kind == target.kind { throw Failure("\(target.name) is given twice: leave one out") }
          guard target.overlaps(other) else { continue }
          Terminal.say(
            "stormfuse: warning: \(target.name) overlaps with \(other.name): what both have is counted for each, and held "
              + "when either says so")
        }
      }
      if let state { try StateDirectory.makeParent(state) }
      return try zip(choices, names).map { choice, name in
        try TargetBooks(choice, name: name, settings, state: state.map { "\($0)/\(directory(of: name))" })
      }
    }

    private init(_ choice: TargetChoice, name: String, _ settings: Settings, state: String?) throws {
      self.choice = choice
      let box = ReportBox(Engine(settings: settings, target: name, origin: .live).report(), target: name)
      let memory = try state.map { try Memory(path: $0) }
      if let memory { box.addFamilies { [weak box] in memory.families(target: box?.target ?? "") } }
      self.box = box
      commands = Commands(queue: CommandQueue(), memory: memory)
    }

    /// A file's name of at most 255 bytes: the target's, percent-encoded; of a long one the end and a hash of the whole.
    static func directory(of name: String) -> String {
      let encoded = PercentEncoding.encode(name)
      guard encoded.utf8.count > longest else { return encoded }
      // FNV-1a, 64 bits.
      let hash = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 }
      return String(hash, radix: 16) + "-" + encoded.suffix(longest)
    }

    private static let longest = 200
  }
#endif
