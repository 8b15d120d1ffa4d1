// swift-tools-version: 6.2
import PackageDescription

// One settings array for every target: strict concurrency comes with the tools version, warnings are errors.
let settings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// Dynamic exclusivity checks took a quarter of the hot path's time. Debug builds, and so all tests, still make them.
let hotPath: [SwiftSetting] =
  settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
]
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")

// Targets in the order of the data's flow.
let package = Package(
  name: "stormfuse",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "stormfuse", targets: ["stormfuse"]),
    .executable(name: "fusectl", targets: ["fusectl"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    .target(name: "Pipeline", swiftSettings: hotPath),
    .target(name: "Traces", dependencies: ["Pipeline"], swiftSettings: hotPath),
    .target(name: "AdminAPI", dependencies: ["Pipeline"], swiftSettings: settings),
    .target(
      name: "ConfigurationFile", dependencies: ["Pipeline", "AdminAPI", .product(name: "Yams", package: "Yams")],
      swiftSettings: settings),
    .target(
      name: "Admin",
      dependencies: [
        "AdminAPI", "Pipeline",
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
      ] + nio,
      swiftSettings: settings),
    .target(name: "State", dependencies: ["Pipeline"], swiftSettings: settings),
    .target(name: "Export", dependencies: ["AdminAPI", "Pipeline", httpClient] + nio, swiftSettings: settings),
    .executableTarget(
      name: "stormfuse",
      dependencies: [
        "Pipeline", "Traces", "AdminAPI", "ConfigurationFile", "Admin", "State", "Export",
        .target(name: "Kernel", condition: .when(platforms: [.linux])), arguments,
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "fusectl",
      dependencies: [
        "AdminAPI", "Pipeline", .target(name: "Kernel", condition: .when(platforms: [.linux])), arguments, httpClient,
      ] + nio,
      swiftSettings: settings),

    .testTarget(
      name: "PipelineTests", dependencies: ["Pipeline"], exclude: ["Kafka/samples"], swiftSettings: settings),
    .testTarget(name: "TracesTests", dependencies: ["Traces", "Pipeline"], swiftSettings: settings),
    .testTarget(
      name: "ReplayTests", dependencies: ["Traces", "Pipeline"],
      exclude: [
        "captures", "frameworks", "generate.py", "generate_kafka.py", "kafka_messages.py", "record.py", "record_go.py",
        "record_kafka.py", "record_older.py", "record_tunnel.py", "scenarios.json",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ConfigurationFileTests", dependencies: ["ConfigurationFile", "AdminAPI", "Pipeline"],
      swiftSettings: settings),
    .testTarget(
      name: "AdminTests",
      dependencies: [
        "Admin", "AdminAPI", "Pipeline", "fusectl", .target(name: "Kernel", condition: .when(platforms: [.linux])),
        arguments, .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      swiftSettings: settings),
    .testTarget(
      name: "StormfuseTests",
      dependencies: [
        "stormfuse", "Admin", "AdminAPI", "ConfigurationFile", "Pipeline", "State", "Traces", arguments,
      ],
      swiftSettings: settings),
    .testTarget(name: "StateTests", dependencies: ["State", "Pipeline"], swiftSettings: settings),
    .testTarget(
      name: "ExportTests", dependencies: ["Export", "AdminAPI", "Pipeline"] + nio, swiftSettings: settings),
  ]
)

// Seeing live traffic needs Linux, libbpf (Debian: libbpf-dev) and a clang that knows the bpf target.
#if os(Linux)
  package.targets += [
    .executableTarget(name: "embed-bpf", path: "Sources/BuildSupport/Tool", swiftSettings: settings),
    .plugin(
      name: "EmbedBPF", capability: .buildTool(), dependencies: ["embed-bpf"], path: "Sources/BuildSupport/Plugin"),
    .target(name: "BPFObjects", swiftSettings: settings, plugins: ["EmbedBPF"]),
    .target(
      name: "CProbe", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
      linkerSettings: [.linkedLibrary("bpf")]),
    .target(name: "Kernel", dependencies: ["Pipeline", "BPFObjects", "CProbe"], swiftSettings: settings),
    .testTarget(name: "KernelTests", dependencies: ["Kernel", "Pipeline"], swiftSettings: settings),
    .testTarget(
      name: "LiveTests",
      exclude: [
        "broker", "clients", "go_clients.py", "hold", "holding", "kafka_broker", "kafka_older_stand_in",
        "kafka_scenario", "kafka_stand_in", "outages.py", "scenario", "stand_ins",
      ],
      swiftSettings: settings),
  ]
#endif
