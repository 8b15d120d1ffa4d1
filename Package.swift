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

// Targets in the order of the data's flow.
let package = Package(
  name: "stormfuse",
  platforms: [.macOS(.v15)],
  targets: [
    .target(name: "Pipeline", swiftSettings: hotPath),
    .target(name: "Traces", dependencies: ["Pipeline"], swiftSettings: settings),

    .testTarget(name: "PipelineTests", dependencies: ["Pipeline"], swiftSettings: settings),
    .testTarget(name: "TracesTests", dependencies: ["Traces", "Pipeline"], swiftSettings: settings),
    .testTarget(
      name: "ReplayTests", dependencies: ["Traces", "Pipeline"],
      exclude: ["captures", "generate.py", "record.py", "scenarios.json"], swiftSettings: settings),
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
  ]
#endif
