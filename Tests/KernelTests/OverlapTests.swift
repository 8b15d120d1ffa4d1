import Glibc
import Testing

@testable import Kernel

/// Targets that are the same, or share something. Needs no privileges.
@Suite struct OverlapTests {
  @Test func `the order of processes does not matter, nor one that is named twice`() throws {
    let (own, parent) = (getpid(), getppid())
    let target = try Target.processes([own, parent, own])
    #expect(target == (try Target.processes([parent, own])))
    #expect(target.kind == .processes([own, parent].sorted()))
    #expect(target.name.hasPrefix("processes "))
    #expect(try Target.processes([own, own]).name.hasPrefix("process "))
  }

  @Test(arguments: ["/a/b/", "//a//b", "/a/c/../b", "/a/./b"])
  func `a path is resolved`(path: String) throws {
    var template = Array("/tmp/stormfuse-XXXXXX".utf8CString)
    let made = try #require(mkdtemp(&template))
    let root = String(cString: made)
    defer { for directory in ["/a/b", "/a/c", "/a", ""] { rmdir(root + directory) } }
    for directory in ["/a", "/a/b", "/a/c"] { #expect(mkdir(root + directory, 0o700) == 0) }
    #expect(Files.realPath(root + path) == root + "/a/b")
    #expect(Files.realPath(root + "/none") == nil)
  }

  @Test(arguments: [
    ("/x/a", "/x/a/b", true), ("/x/a/b", "/x/a", true), ("/x/a", "/x/ab", false), ("/", "/x", true),
    ("/x/a", "/x/a", true),
  ])
  func `a cgroup overlaps with those within it`(one: String, other: String, overlaps: Bool) {
    let (one, other) = (Target(kind: .cgroup(one), name: "1"), Target(kind: .cgroup(other), name: "2"))
    #expect(one.overlaps(other) == overlaps)
    #expect(!one.overlaps(Target(kind: .processes([1]), name: "3")))
  }

  @Test func `lists of processes overlap where one is in both`() {
    let both = Target(kind: .processes([1, 2]), name: "both")
    #expect(both.overlaps(Target(kind: .processes([2]), name: "one")))
    #expect(!both.overlaps(Target(kind: .processes([3]), name: "another")))
  }
}
