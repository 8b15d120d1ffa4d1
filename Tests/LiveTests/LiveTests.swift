import Foundation
import Testing

/// Real clients, a real broker and the real kernel: `stormfuse run` beside each client of `scenario`, its report compared
/// field by field with what the client itself counted.
///
/// Needs what `scripts/setup` installs and the two capabilities that capture needs. Where something is lacking every case
/// is skipped by name, saying what; with `STORMFUSE_REQUIRE_LIVE=1` it fails instead.
@Suite(.serialized, .enabled(if: LiveEnvironment.isComplete || LiveEnvironment.isRequired, LiveEnvironment.comment))
struct LiveTests {
  @Test(.timeLimit(.minutes(5)), arguments: LiveEnvironment.cases)
  func `the report equals what the client did`(name: String) throws {
    let outcome = try LiveEnvironment.run(case: name)
    #expect(outcome.differences == [], "\(name)")
  }
}

/// Where live tests can run, and the broker that they share: started by the first, ended by its supervisor when this
/// process is gone.
private enum LiveEnvironment {
  struct Outcome: Decodable {
    let differences: [String]
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let isRequired = ProcessInfo.processInfo.environment["STORMFUSE_REQUIRE_LIVE"] == "1"
  static let isComplete = lacking.isEmpty

  static var comment: Comment {
    Comment(rawValue: "live tests need \(lacking.joined(separator: ", "))")
  }

  /// Names of the cases; one that says why when the driver can't be asked, so that the test still shows.
  static let cases: [String] = {
    let names = (try? output(of: [folder + "/scenario", "list"])) ?? ""
    let list = names.split(separator: "\n").map(String.init)
    return list.isEmpty ? ["no list of cases from Tests/LiveTests/scenario"] : list
  }()

  static func run(case name: String) throws -> Outcome {
    guard lacking.isEmpty else { throw Failure(description: "lacking: \(lacking.joined(separator: ", "))") }
    let line = try output(of: [folder + "/scenario", "run", name, "--broker", broker.get()])
    return try JSONDecoder().decode(Outcome.self, from: Data(line.utf8))
  }

  /// Directory of the running broker.
  private static let broker = Result<String, any Error> {
    let directory = FileManager.default.temporaryDirectory.path + "/stormfuse-live-broker-\(getpid())"
    let owner = String(getpid())
    _ = try output(of: [folder + "/broker", "start", directory, "0", "--owner", owner, "--remove"])
    return directory
  }

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().path
  private static let root = URL(filePath: folder).deletingLastPathComponent().deletingLastPathComponent().path

  private static let lacking: [String] = {
    var lacking: [String] = []
    let files = FileManager.default
    let binary = ProcessInfo.processInfo.environment["STORMFUSE_BINARY"] ?? root + "/.build/release/stormfuse"
    if !files.isExecutableFile(atPath: binary) { lacking.append("\(binary) (scripts/setup builds it)") }
    if !files.isExecutableFile(atPath: root + "/.venv/bin/python") { lacking.append(".venv (scripts/setup makes it)") }
    if !files.fileExists(atPath: "/usr/lib/rabbitmq/bin/rabbitmq-server") {
      lacking.append("rabbitmq-server (scripts/setup installs it)")
    }
    if !files.fileExists(atPath: "/usr/include/amqp.h") {
      lacking.append("librabbitmq-dev (scripts/setup installs it)")
    }
    // The case with two capabilities starts as root to drop the rest, and root has both.
    if geteuid() != 0 { lacking.append("root") }
    let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    if !mounts.contains(" cgroup2 ") { lacking.append("a mounted cgroup2 file system") }
    return lacking
  }()

  /// Standard output of a program. Its standard error goes to ours, where a reader of a failed run finds it.
  private static func output(of command: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: command[0])
    process.arguments = Array(command.dropFirst())
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    // The driver's status 1 with a line of JSON is a failed case, whose line says why.
    guard !data.isEmpty else {
      throw Failure(description: "\(command.joined(separator: " ")) ended with status \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
