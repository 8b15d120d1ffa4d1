import Foundation
import Testing

/// Where live tests can run, and the broker that they share: started by the first, ended by its supervisor when this
/// process is gone.
enum LiveEnvironment {
  struct Outcome: Decodable {
    let differences: [String]
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// A program in this folder that runs cases: `list` names them, `run NAME --broker DIR` prints an `Outcome`.
  enum Driver: String {
    case scenario, hold
    case onCall = "on_call"
    case kafkaScenario = "kafka_scenario"

    /// What a case of it needs and is not there.
    var lacking: [String] {
      switch self {
      case .scenario: LiveEnvironment.lacking
      case .hold, .onCall: LiveEnvironment.lacking + LiveEnvironment.lackingToHold
      case .kafkaScenario: LiveEnvironment.lackingForKafka
      }
    }

    var mayRun: Bool { lacking.isEmpty || LiveEnvironment.isRequired }

    var comment: Comment { Comment(rawValue: "live tests need \(lacking.joined(separator: ", "))") }

    /// Names of the cases; one that says why when the driver can't be asked, so that the test still shows.
    func cases(_ arguments: String...) -> [String] {
      let names = (try? LiveEnvironment.output(of: [path, "list"] + arguments)) ?? ""
      let list = names.split(separator: "\n").map(String.init)
      return list.isEmpty ? ["no list of cases from Tests/LiveTests/\(rawValue)"] : list
    }

    func run(case name: String) throws -> Outcome {
      guard lacking.isEmpty else { throw Failure(description: "lacking: \(lacking.joined(separator: ", "))") }
      // A Kafka lives no longer than its case.
      let broker = try self == .kafkaScenario ? [] : ["--broker", LiveEnvironment.broker.get()]
      let fewer = self == .scenario ? ["--messages", "4000"] : []
      let line = try LiveEnvironment.output(of: [path, "run", name] + broker + fewer)
      return try JSONDecoder().decode(Outcome.self, from: Data(line.utf8))
    }

    private var path: String { "\(LiveEnvironment.folder)/\(rawValue)" }
  }

  private static let isRequired = ProcessInfo.processInfo.environment["STORMFUSE_REQUIRE_LIVE"] == "1"

  /// Directory of the running broker.
  private static let broker = Result<String, any Error> {
    let directory = FileManager.default.temporaryDirectory.path + "/stormfuse-live-broker-\(getpid())"
    let owner = String(getpid())
    _ = try output(of: [folder + "/broker", "start", directory, "0", "--owner", owner, "--remove"])
    return directory
  }

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().path
  private static let root = URL(filePath: folder).deletingLastPathComponent().deletingLastPathComponent().path
  private static let binary =
    ProcessInfo.processInfo.environment["STORMFUSE_BINARY"] ?? root + "/.build/release/stormfuse"

  /// What every driver needs.
  private static let lackingAtAll: [String] = {
    var lacking: [String] = []
    let files = FileManager.default
    if !files.isExecutableFile(atPath: binary) { lacking.append("\(binary) (scripts/setup builds it)") }
    if !files.isExecutableFile(atPath: root + "/.venv/bin/python") { lacking.append(".venv (scripts/setup makes it)") }
    // The case with two capabilities starts as root to drop the rest, and root has both.
    if geteuid() != 0 { lacking.append("root") }
    let mounts = (try? String(contentsOfFile: "/proc/self/mounts", encoding: .utf8)) ?? ""
    if !mounts.contains(" cgroup2 ") { lacking.append("a mounted cgroup2 file system") }
    return lacking
  }()

  private static let lackingForKafka: [String] = {
    var lacking = lackingAtAll
    if !FileManager.default.isExecutableFile(atPath: "/usr/bin/kcat") {
      lacking.append("kcat and its librdkafka1 (scripts/setup installs them)")
    }
    return lacking
  }()

  private static let lacking: [String] = {
    var lacking = lackingAtAll
    let files = FileManager.default
    if !files.fileExists(atPath: "/usr/lib/rabbitmq/bin/rabbitmq-server") {
      lacking.append("rabbitmq-server (scripts/setup installs it)")
    }
    if !files.fileExists(atPath: "/usr/include/amqp.h") {
      lacking.append("librabbitmq-dev (scripts/setup installs it)")
    }
    return lacking
  }()

  /// What cases that hold traffic need besides.
  private static let lackingToHold: [String] = {
    var lacking: [String] = []
    let files = FileManager.default
    let fusectl = URL(filePath: binary).deletingLastPathComponent().path + "/fusectl"
    if !files.isExecutableFile(atPath: fusectl) { lacking.append("\(fusectl) (scripts/setup builds it)") }
    if !files.fileExists(atPath: "/usr/share/gocode/src/github.com/rabbitmq/amqp091-go") {
      lacking.append("golang-github-rabbitmq-amqp091-go-dev (scripts/setup installs it)")
    }
    if !files.isExecutableFile(atPath: "/usr/bin/go") { lacking.append("golang-go (scripts/setup installs it)") }
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
