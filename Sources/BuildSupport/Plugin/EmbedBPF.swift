import Foundation
import PackagePlugin

/// Compiles every `bpf/*.bpf.c` with the toolchain's clang and gives the objects to the target as Swift source, in a plain
/// `swift build` without flags.
@main
struct EmbedBPF: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let sources = context.package.directoryURL.appending(component: "bpf")
    let output = context.pluginWorkDirectoryURL.appending(component: "Objects.swift")
    // The directory is an input too, so that a file that is added or removed is noticed.
    let files = try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil)
      .filter { ["c", "h"].contains($0.pathExtension) }
    return [
      .buildCommand(
        displayName: "Compiling and embedding the BPF programs",
        executable: try context.tool(named: "embed-bpf").url,
        arguments: [
          try context.tool(named: "clang").url.path, try context.tool(named: "llvm-objcopy").url.path,
          sources.path, context.pluginWorkDirectoryURL.path, output.path,
        ],
        inputFiles: [sources] + files,
        outputFiles: [output])
    ]
  }
}
