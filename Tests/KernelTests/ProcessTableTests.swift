import Testing

@testable import Kernel

/// /proc without a kernel.
@Suite struct ProcessTableTests {
  @Test func `a process whose main thread alone has ended is alive`() {
    // Both as Linux 6.18 shows them: with one more thread that runs, and without.
    let threads = "8455 (zl) Z 8449 8449 3705 0 -1 4227084 126 0 1 0 0 0 0 0 20 0 2 0 1973192 0 0"
    let none = "8513 (zl) Z 8472 8449 3705 0 -1 4227148 221 0 0 0 0 0 0 0 20 0 1 0 1973470 0 0"
    #expect(
      ProcessTable.parse(threads)
        == .init(parent: 8449, start: 1_973_192, name: "zl", session: 3705, isMainThreadGone: true))
    #expect(ProcessTable.parse(none) == nil)
    let running = "8455 (a) Z (b) S 1 8449 3705 0 -1 4227084 126 0 1 0 0 0 0 0 20 0 2 0 1973192 0 0"
    #expect(ProcessTable.parse(running) == .init(parent: 1, start: 1_973_192, name: "a) Z (b", session: 3705))
  }

  @Test(arguments: [
    ("rw", nil as String?), ("rw,hidepid=0", nil), ("rw,hidepid=off", nil), ("rw,hidepid=2", "hidepid=2"),
    ("rw,gid=27,hidepid=invisible", "hidepid=invisible"), ("rw,hidepid=ptraceable", "hidepid=ptraceable"),
  ])
  func `whether /proc hides processes is read from its mount options`(options: String, found: String?) {
    let mounts = """
      24 31 0:22 / /sys rw,nosuid - sysfs sysfs rw,hidepid=2
      25 31 0:23 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc \(options)
      26 31 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=16G
      """
    #expect(ProcessTable.hiding(mounts) == found)
  }
}
