import Foundation
import Glibc
import Testing

@testable import Kernel

extension LiveKernel {
  @Suite(.enabled(if: Live.isRootEnabled && !Live.isUnprivileged, "starts processes as another user"))
  struct PrivilegeTests {
    /// The verifier is stricter without CAP_PERFMON, so being root proves little.
    @Test func `all of this works for an unprivileged user with CAP_BPF and CAP_NET_ADMIN alone`() throws {
      let (status, output) = try runAsNobody(
        ["+bpf", "+net_admin"], ["--testing-library", "swift-testing", "--filter", Self.suites])
      #expect(status == 0, "\(output.suffix(4000))")
      let summary = try #require(output.split(separator: "\n").last { $0.contains("Test run with") })
      #expect(summary.contains("passed"))
      // Not an empty run.
      for test in [
        "both directions are byte-identical", "told from its neighbours", "traced from its first byte",
        "nothing passes but the trickle", "a one-shot hold",
      ] {
        #expect(output.split(separator: "\n").contains { $0.contains(test) && $0.contains("passed") }, "\(test)")
      }
    }

    @Test(arguments: [(["+bpf"], "CAP_NET_ADMIN"), (["+net_admin"], "CAP_BPF"), ([], "CAP_BPF and CAP_NET_ADMIN")])
    func `a missing capability is named with the way to grant it`(held: [String], named: String) throws {
      let (status, output) = try runAsNobody(
        held, environment: ["STORMFUSE_TEST_REFUSAL=\(named)"],
        ["--testing-library", "swift-testing", "--filter", "^KernelTests[.]RefusalTests"])
      #expect(status == 0, "\(output.suffix(4000))")
      #expect(output.contains("Test run with 1 test"))
    }

    @Test func `capabilities of a user namespace are told from real ones`() throws {
      let (status, output) = try run([
        "env", "STORMFUSE_TEST_USER_NAMESPACE=1", "unshare", "--user", "--map-root-user", Self.executable,
        "--testing-library", "swift-testing", "--filter", "^KernelTests[.]UserNamespaceTests",
      ])
      #expect(status == 0, "\(output.suffix(4000))")
      #expect(output.contains("Test run with 1 test"))
    }

    @Test func `processes are recognised from within another pid namespace`() throws {
      let (status, output) = try run([
        "env", "-u", "STORMFUSE_TEST_CGROUP", "unshare", "--pid", "--fork", "--mount-proc", Self.executable,
        "--testing-library", "swift-testing", "--filter", "^KernelTests[.].*TargetTests",
      ])
      #expect(status == 0, "\(output.suffix(4000))")
      #expect(
        output.split(separator: "\n").contains { $0.contains("told from its neighbours") && $0.contains("passed") })
    }

    @Test func `processes that the kernel cannot name are found by their sockets`() throws {
      let (status, output) = try run([
        "env", "-u", "STORMFUSE_TEST_CGROUP", "STORMFUSE_TEST_PID_NAMESPACE=1", "unshare", "--pid", "--fork",
        "--mount-proc", Self.executable, "--testing-library", "swift-testing", "--filter",
        "^KernelTests[.].*OuterNumberTests",
      ])
      #expect(status == 0, "\(output.suffix(4000))")
      #expect(output.contains("Test run with 8 tests"), "\(output.suffix(1000))")
    }

    /// Segments have a length of 0 in their IP header then.
    @Test(.enabled(if: access("/sbin/ip", X_OK) == 0, "needs iproute2"))
    func `segments above 64 KB are whole`() throws {
      let (status, output) = try run([
        "unshare", "--net", "sh", "-c",
        "ip link set lo up gso_max_size 400000 gro_max_size 400000 && STORMFUSE_TEST_BIG_TCP=1 exec \"$@\"", "sh",
        Self.executable, "--testing-library", "swift-testing", "--filter", "^KernelTests[.].*byte-identical",
      ])
      #expect(status == 0, "\(output.suffix(4000))")
      #expect(output.contains("Test run with 1 test"))
    }

    /// This program, as the user nobody.
    private func runAsNobody(
      _ capabilities: [String], environment: [String] = [], _ arguments: [String]
    ) throws -> (Int32, String) {
      // A copy, and from elsewhere, since the tree may lie under a home directory, which others can't enter.
      let directory = FileManager.default.temporaryDirectory.appending(path: "stormfuse-tests-\(UUID().uuidString)")
      try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
      defer { try? FileManager.default.removeItem(at: directory) }
      let executable = directory.appending(path: "tests")
      try FileManager.default.copyItem(at: URL(filePath: Self.executable), to: executable)
      let set = (["-all"] + capabilities).joined(separator: ",")
      return try run(
        [
          "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs", "--inh-caps=\(set)",
          "--ambient-caps=\(set)", "--bounding-set=\(set)", "env", "--chdir=/",
        ] + environment + [executable.path] + arguments)
    }

    /// In a cgroup of its own, which `Arena` finds in the environment.
    private func run(_ arguments: [String]) throws -> (Int32, String) {
      let path = try #require(Arena.path)
      let file = NSTemporaryDirectory() + "stormfuse-tests-\(getpid()).log"
      defer { unlink(file) }
      let command = try CommandTarget(
        ["sh", "-c", "exec \"$@\" > \(file) 2>&1", "sh", "env", "STORMFUSE_TEST_CGROUP=\(path)/stormfuse-\(getpid())"]
          + arguments)
      #expect(command.target.kind == .cgroup("\(path)/stormfuse-\(getpid())"))
      try command.release()
      let status = command.wait().code
      return (status, try String(contentsOfFile: file, encoding: .utf8))
    }

    private static let executable = Files.link("/proc/self/exe") ?? CommandLine.arguments[0]
    private static let suites =
      "^KernelTests[.].*(CaptureTests|TargetTests|CommandTests|HoldingTests|OneShotHoldTests)"
  }
}

/// Run by `PrivilegeTests` in processes that lack something.
@Suite(.enabled(if: getenv("STORMFUSE_TEST_REFUSAL") != nil, "run by PrivilegeTests")) struct RefusalTests {
  @Test func `the error names what is missing`() throws {
    let named = try #require(getenv("STORMFUSE_TEST_REFUSAL").map { String(cString: $0) })
    let error = #expect(throws: KernelError.self) { try Capture(target: Arena.target()) }
    #expect(error?.kind == .permission)
    #expect(error?.description.contains("lacks \(named):") == true, "\(String(describing: error))")
    #expect(error?.description.contains("setcap") == true)
    let checks = Doctor.checks()
    #expect(!Doctor.isAble(checks))
    for check in checks where check.state != .ok {
      #expect(check.cost != nil, "\(check)")
    }
    for capability in Capability.missing {
      #expect(
        checks.contains { $0.name == capability.name && $0.state == .missing && $0.remedy?.contains("setcap") == true })
    }
  }
}

/// Run by `PrivilegeTests` as root of a user namespace, as in a rootless container.
@Suite(.enabled(if: getenv("STORMFUSE_TEST_USER_NAMESPACE") != nil, "run by PrivilegeTests"))
struct UserNamespaceTests {
  @Test func `doctor and the error say where the capabilities are held`() {
    let checks = Doctor.checks()
    #expect(!Doctor.isAble(checks))
    for capability in [Capability.bpf, .netAdmin] {
      let check = checks.first { $0.name == capability.name }
      #expect(check?.state == .missing && check?.finding.contains("in this user namespace only") == true)
      #expect(check?.remedy?.contains("outside of this user namespace") == true)
    }
    for check in checks {
      #expect(check.remedy?.contains("PERFMON") != true && check.remedy?.contains("setcap") != true, "\(check)")
      #expect(!check.finding.contains("PERFMON") && !check.finding.contains("setcap"), "\(check)")
    }
    let error = #expect(throws: KernelError.self) { try Capture(target: Arena.target()) }
    #expect(error?.kind == .permission)
    #expect(error?.description.contains("outside of this user namespace") == true, "\(String(describing: error))")
  }
}
