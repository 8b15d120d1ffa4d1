/// Where one consumer reads one partition, as its requests and their answers tell. It says what each request means.
///
/// | State        | Means                                                 | Left by                                        |
/// |--------------|-------------------------------------------------------|------------------------------------------------|
/// | `assigned`   | assigned, perhaps anew; not asked for since           | a request: it says where the consumer goes on  |
/// | `asked`      | asked for; no record has come of it                   | a record → `read`; a request → `asked`         |
/// | `read`       | records have come                                     | a request → `asked`                            |
/// | `outOfRange` | the broker has no such offset as was asked for        | a request → `askedAnew`                        |
/// | `askedAnew`  | the same, asked for from elsewhere                    | an answer without an error → `asked`           |
///
/// Any state is left for `assigned` by an assignment or a revocation, and for `outOfRange` by that error. A further record in
/// `read` and a further request in `askedAnew` change nothing. A commit changes no state.
struct KafkaCursor {
  enum State: Equatable {
    case assigned
    case asked(Int64)
    /// `next`: behind the last record that came.
    case read(from: Int64, next: Int64)
    case outOfRange
    case askedAnew(Int64)
  }

  /// What a request means.
  enum Move: Equatable {
    /// The first one since the assignment.
    case begins
    /// Ahead, asked for again where nothing had come, or moved for a reason that is known.
    case goesOn
    /// Exactly what the last request asked for, although records had come of it.
    case repeats
    /// Back to before the last request, or into the records that had come of it.
    case goesBack
  }

  /// Why the next request may go back without a failure.
  private enum Excuse: Equatable {
    case none
    /// The leader's epoch was asked for, or the position is not the consumer's choice.
    case moved
    /// A failed attempt that was counted already: the consumer goes back to this offset or below.
    case counted(Int64)
  }

  private(set) var state = State.assigned
  private var excuse = Excuse.none

  /// Where the latest request began; −1: there was none.
  var asked: Int64 {
    switch state {
    case .assigned, .outOfRange: -1
    case .asked(let from), .askedAnew(let from), .read(let from, _): from
    }
  }

  /// The offset that the consumer is to get next; −1: not known.
  var next: Int64 { if case .read(_, let next) = state { next } else { asked } }

  mutating func request(_ offset: Int64) -> Move {
    let (before, next) = (asked, next)
    switch state {
    case .assigned:
      self = KafkaCursor(state: .asked(offset))
      return .begins
    case .outOfRange, .askedAnew: state = .askedAnew(offset)
    case .asked, .read: state = .asked(offset)
    }
    let excuse = excuse
    if excuse == .moved { self.excuse = .none }
    guard offset < next else { return .goesOn }
    if case .counted(let limit) = excuse {
      self.excuse = .none
      if offset <= limit { return .goesOn }
    }
    if excuse == .moved { return .goesOn }
    return offset == before ? .repeats : .goesBack
  }

  /// Records came, or batches without one, through this offset.
  mutating func read(through offset: Int64) {
    switch state {
    case .asked(let from): state = .read(from: from, next: max(from, offset + 1))
    case .read(let from, let next): state = .read(from: from, next: max(next, offset + 1))
    case .assigned, .outOfRange, .askedAnew: break
    }
  }

  /// An answer without an error. Whether it is the first since the broker had no such offset.
  mutating func answered() -> Bool {
    guard case .askedAnew(let from) = state else { return false }
    state = .asked(from)
    return true
  }

  /// An assignment, also of what the member has: the next request says where it goes on.
  mutating func assign() { self = KafkaCursor() }

  mutating func missed() { self = KafkaCursor(state: .outOfRange) }

  mutating func excuseMove() { excuse = .moved }

  /// The return to that offset was counted as a failure before it showed.
  mutating func excuseReturn(to offset: Int64) { if excuse != .moved { excuse = .counted(offset) } }

  /// What was counted is done with.
  mutating func committed() { if case .counted = excuse { excuse = .none } }
}
