import Testing

@testable import Pipeline

@Suite struct JSONScannerTests {
  private func leaves(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBytes { buffer in
      var found: [String] = []
      var scanner = JSONScanner()
      while let leaf = scanner.next(in: buffer.bytes) {
        let name = String(decoding: buffer[leaf.name], as: UTF8.self)
        switch leaf.value {
        case .text(let range): found.append("\(name)=\(String(decoding: buffer[range], as: UTF8.self))")
        case .number(let number): found.append("\(name)=\(number)")
        }
      }
      return found
    }
  }

  @Test func `texts and integers come with the names of their members`() {
    #expect(
      leaves(#"{"a":"x","b":[1,-2,{"c":"y"}],"d":{"e":3},"f":null,"g":true,"h":1.5,"i":4}"#) == [
        "a=x", "b=1", "b=-2", "c=y", "e=3", "i=4",
      ])
    #expect(leaves(#"[[0, true], {}, {"chord": null, "n": 7}]"#) == ["=0", "n=7"])
    #expect(leaves(#"{"":1,"a":{"":"x"},"b":2}"#) == ["=1", "=x", "b=2"])
    #expect(leaves(#"{ "a" : "with \"quotes\" and \\", "b" : 2 }"#) == [#"a=with \"quotes\" and \\"#, "b=2"])
  }

  @Test func `the same member at another level is another place`() {
    func places(_ text: String) -> [UInt32] {
      let bytes = Array(text.utf8)
      return bytes.withUnsafeBytes { buffer in
        var places: [UInt32] = []
        var scanner = JSONScanner()
        while let leaf = scanner.next(in: buffer.bytes) { places.append(leaf.place) }
        return places
      }
    }
    let found = places(#"{"a":1,"b":{"a":1},"c":[{"a":1}]}"#)
    #expect(Set(found).count == 3)
    #expect(places(#"{"x":9,"b":{"y":0,"a":1}}"#).last == found[1])
  }

  @Test func `no text makes it fail, hang or read past its end`() {
    let text = #"{"a":"x\"","b":[1,2,{"c":[[[["y"]]]]}],"d":-12e3,"e":{}}"#
    for end in 0...text.utf8.count { _ = leaves(String(decoding: Array(text.utf8)[..<end], as: UTF8.self)) }
    for (i, _) in text.utf8.enumerated() {
      for byte: UInt8 in [0, 34, 44, 91, 92, 93, 123, 125, 255] {
        var changed = Array(text.utf8)
        changed[i] = byte
        _ = leaves(String(decoding: changed, as: UTF8.self))
      }
    }
    #expect(leaves(String(repeating: "[", count: 5000)) == [])
    #expect(leaves("[" + String(repeating: "1,", count: 5000)).count == 96)
    #expect(leaves("\"") == [])
    #expect(leaves("1") == [])
  }
}
