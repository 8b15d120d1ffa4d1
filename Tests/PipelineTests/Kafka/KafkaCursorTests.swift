import Testing

@testable import Pipeline

/// What each request of a partition means, by what came before it.
@Suite struct KafkaCursorTests {
  /// A cursor that was asked for at 3 and has read through 9.
  private var read: KafkaCursor {
    var cursor = KafkaCursor()
    _ = cursor.request(3)
    cursor.read(through: 9)
    return cursor
  }

  @Test func `the first request since an assignment begins, wherever it is`() {
    var cursor = read
    cursor.assign()
    #expect(cursor.asked == -1)
    let move1 = cursor.request(0)
    #expect(move1 == .begins)
    let move2 = cursor.request(0)
    #expect(move2 == .goesOn)
  }

  @Test(
    arguments: [
      (10, .goesOn), (12, .goesOn), (3, .repeats), (5, .goesBack), (2, .goesBack),
    ] as [(Int64, KafkaCursor.Move)])
  func `a request after records came`(offset: Int64, move: KafkaCursor.Move) {
    var cursor = read
    #expect(cursor.next == 10)
    let move3 = cursor.request(offset)
    #expect(move3 == move)
    #expect(cursor.state == .asked(offset))
  }

  @Test(arguments: [(3, .goesOn), (4, .goesOn), (2, .goesBack)] as [(Int64, KafkaCursor.Move)])
  func `a request where nothing had come`(offset: Int64, move: KafkaCursor.Move) {
    var cursor = KafkaCursor()
    _ = cursor.request(3)
    let move4 = cursor.request(offset)
    #expect(move4 == move)
  }

  @Test func `catching up after a return goes on`() {
    var cursor = read
    let move5 = cursor.request(4)
    #expect(move5 == .goesBack)
    cursor.read(through: 5)
    let move6 = cursor.request(6)
    #expect(move6 == .goesOn)
  }

  @Test func `a position that the client does not choose excuses one request`() {
    var cursor = read
    cursor.excuseMove()
    let move7 = cursor.request(2)
    #expect(move7 == .goesOn)
    let move8 = cursor.request(1)
    #expect(move8 == .goesBack)
  }

  @Test func `a return that was counted before is excused, once and no further up`() {
    var cursor = read
    cursor.excuseReturn(to: 4)
    let move9 = cursor.request(10)
    #expect(move9 == .goesOn)
    let move10 = cursor.request(4)
    #expect(move10 == .goesOn)
    let move11 = cursor.request(3)
    #expect(move11 == .goesBack)
    cursor = read
    cursor.excuseReturn(to: 4)
    let move12 = cursor.request(5)
    #expect(move12 == .goesBack)
    cursor = read
    cursor.excuseReturn(to: 4)
    cursor.committed()
    let move13 = cursor.request(4)
    #expect(move13 == .goesBack)
  }

  @Test func `out of range moves the position, and the first answer after it is told`() {
    var cursor = read
    cursor.missed()
    let isFirst14 = cursor.answered()
    #expect(!isFirst14)
    let move15 = cursor.request(0)
    #expect(move15 == .goesOn)
    let isFirst16 = cursor.answered()
    #expect(isFirst16)
    let isFirst17 = cursor.answered()
    #expect(!isFirst17)
    cursor.read(through: 4)
    #expect(cursor.state == .read(from: 0, next: 5))
  }
}
