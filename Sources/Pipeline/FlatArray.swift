/// A growing array of plain values that has one owner.
///
/// The tables that every message touches several times lie in these. An `Array` asks the runtime before each change
/// whether anybody shares its storage, and keeps that storage alive around each look; here nobody can share it, so that
/// reading and changing an element is an address and a compare with the bounds.
struct FlatArray<Element: BitwiseCopyable>: ~Copyable {
  // Sound: allocated here, reached through the subscripts alone, which check the bounds, and given back at the end of its
  // only owner. `count` elements are initialised; they are bitwise copyable, so there is nothing to deinitialise.
  private var base: UnsafeMutablePointer<Element>
  private(set) var count: Int
  private var capacity: Int

  init(repeating element: Element, count: Int) {
    self.count = count
    capacity = max(1, count)
    base = .allocate(capacity: capacity)
    base.initialize(repeating: element, count: count)
  }

  deinit { base.deallocate() }

  subscript(_ index: Int) -> Element {
    @inline(__always) unsafeAddress { UnsafePointer(base + checked(index)) }
    @inline(__always) unsafeMutableAddress { base + checked(index) }
  }

  @inline(__always) private func checked(_ index: Int) -> Int {
    precondition(index >= 0 && index < count, "an index outside of the array")
    return index
  }

  mutating func append(_ element: Element) {
    if count == capacity { grow() }
    (base + count).initialize(to: element)
    count += 1
  }

  /// The one that was appended last, taken off. There must be one.
  @discardableResult
  mutating func removeLast() -> Element {
    precondition(count > 0, "an empty array has no last element")
    count -= 1
    return base[count]
  }

  /// Forgets everything and keeps the memory.
  mutating func removeAll() { count = 0 }

  /// Makes every element in the range that one.
  mutating func fill(_ range: Range<Int>, with element: Element) {
    precondition(range.upperBound <= count, "an index outside of the array")
    (base + range.lowerBound).update(repeating: element, count: range.count)
  }

  /// Makes its first elements those of the other.
  mutating func copy(_ other: borrowing FlatArray) {
    precondition(other.count <= count, "an index outside of the array")
    base.update(from: other.base, count: other.count)
  }

  @inline(never) private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }
}

extension Array {
  /// Forgets everything; memory for more than so many is given back. Costs nothing where there is nothing.
  @inline(__always) mutating func clear(keeping most: Int) {
    if !isEmpty || capacity > most { removeAll(keepingCapacity: capacity <= most) }
  }
}
