/// First in, first out, in one flat array that grows by doubling and is never given back: after a warm-up nothing is
/// allocated. Appending and removing are O(1).
struct Ring<Element: BitwiseCopyable> {
  private var slots: [Element] = []
  private var head = 0
  private(set) var count = 0

  init() {}

  var first: Element? { count == 0 ? nil : slots[head] }

  /// The element that came `i`th; 0 is the oldest.
  subscript(i: Int) -> Element {
    get { slots[(head &+ i) & (slots.count &- 1)] }
    set { slots[(head &+ i) & (slots.count &- 1)] = newValue }
  }

  mutating func append(_ element: Element) {
    if count == slots.count { grow(filler: element) }
    slots[(head &+ count) & (slots.count &- 1)] = element
    count &+= 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = slots[head]
    head = (head &+ 1) & (slots.count &- 1)
    count &-= 1
    return element
  }

  /// Forgets everything and keeps the memory.
  mutating func removeAll() {
    head = 0
    count = 0
  }

  private mutating func grow(filler: Element) {
    var larger = [Element](repeating: filler, count: max(Self.least, slots.count * 2))
    for i in 0..<count { larger[i] = self[i] }
    slots = larger
    head = 0
  }

  /// A power of two, as every size here must be.
  private static var least: Int { 8 }
}
