import Foundation

/// `embed-bpf CLANG OBJCOPY SOURCES WORK OUTPUT`: compiles SOURCES/*.bpf.c into WORK and writes OUTPUT, a Swift file with a
/// constant for each. The bytes stand there as a hex string: an array literal of that size takes the compiler seconds, a
/// `StaticString` nothing.
@main
struct EmbedBPFTool {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 6 else {
      throw EmbedError("usage: embed-bpf CLANG OBJCOPY SOURCES WORK OUTPUT")
    }
    let sources = URL(fileURLWithPath: arguments[3])
    let work = URL(fileURLWithPath: arguments[4])
    let names = try FileManager.default.contentsOfDirectory(atPath: sources.path)
      .filter { $0.hasSuffix(suffix) }.sorted()
    guard !names.isEmpty else { throw EmbedError("there is no *\(suffix) in \(sources.path)") }

    var swift = "// Made by embed-bpf from bpf/*\(suffix).\nextension BPFObject {\n"
    for name in names {
      let stem = String(name.dropLast(suffix.count))
      let object = work.appendingPathComponent(stem + ".bpf.o")
      try run(
        arguments[1],
        flags() + ["-c", sources.appendingPathComponent(name).path, "-o", object.path])
      // Debug information goes, BTF stays: libbpf reads the maps' types from it.
      try run(arguments[2], ["-g", object.path])
      swift += "  package static let \(stem) = BPFObject(hex: \"\(hex(try Data(contentsOf: object)))\")\n"
    }
    try Data((swift + "}\n").utf8).write(to: URL(fileURLWithPath: arguments[5]))
  }

  private static func flags() -> [String] {
    #if arch(x86_64)
      let (target, include) = ("x86", "/usr/include/x86_64-linux-gnu")
    #elseif arch(arm64)
      let (target, include) = ("arm64", "/usr/include/aarch64-linux-gnu")
    #else
      #error("stormfuse captures on x86_64 and arm64")
    #endif
    // -mcpu=v3: 32-bit jumps and arithmetic, kernel 5.1. The multi-arch directory holds asm/types.h on Debian; for the
    // bpf target clang does not look there by itself.
    return [
      "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror", "-D__TARGET_ARCH_\(target)", "-idirafter", include,
    ]
  }

  private static func run(_ tool: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tool)
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw EmbedError("\(tool) failed; are libbpf-dev and linux-libc-dev installed? (scripts/setup installs both)")
    }
  }

  private static func hex(_ bytes: Data) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text = [UInt8]()
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static let suffix = ".bpf.c"
}

struct EmbedError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
