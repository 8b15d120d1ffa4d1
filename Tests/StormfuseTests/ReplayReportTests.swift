import ConfigurationFile
import Foundation
import Pipeline
import Testing
import Traces

@testable import stormfuse

@Suite struct ReplayReportTests {
  @Test func `the report counts the packets that gave no segment`() async throws {
    #expect(try await Self.report(Captured.path).capture.not_read == nil)
    // ARP within the tunnel.
    #expect(try await Self.report(Captured.tunnel).capture.not_read == ["not_ip": 2])
  }

  @Test func `reports of several targets add up what was not read`() throws {
    var one = try Captured.engine().report()
    var two = one
    one.capture.not_read = ["gtp_u": 1, "not_tcp": 2]
    two.capture.not_read = ["gtp_u": 3]
    #expect(Report.merged([one, two]).capture.not_read == ["gtp_u": 4, "not_tcp": 2])
  }

  private static func report(_ path: String) async throws -> Report {
    let box = ReportBox(Engine(settings: Settings(), target: "t", origin: .replay).report())
    let replay = Replay(
      settings: Settings(), target: "t", speed: .max, box: box,
      announcer: try Announcer(Configuration(), eventsPath: nil, quiet: true, box: box),
      commands: Commands(queue: CommandQueue(), memory: nil), isServed: false)
    _ = await replay.run(try TraceReader(paths: [path])) { false }
    return box.report()
  }
}
