// swift-tools-version: 6.2
import PackageDescription

// One settings array for every target: strict concurrency comes with the tools version, warnings are errors.
let settings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// Targets in the order of the data's flow.
let package = Package(
  name: "stormfuse",
  platforms: [.macOS(.v15)],
  dependencies: [],
  targets: [
    .target(name: "Pipeline", swiftSettings: settings),
    .testTarget(name: "PipelineTests", dependencies: ["Pipeline"], swiftSettings: settings),
  ]
)
