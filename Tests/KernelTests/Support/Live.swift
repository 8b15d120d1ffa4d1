import Glibc
import Testing

@testable import Kernel

/// Whether tests on the real kernel can run here: eBPF by cgroup needs CAP_BPF, CAP_NET_ADMIN and a cgroup v2 of our own to
/// trace. Where they can't, they are skipped by name; STORMFUSE_REQUIRE_LIVE=1 runs them all the same, so that they fail.
enum Live {
  static let isEnabled = isRequired || (Capability.missing.isEmpty && Arena.path != nil)
  /// Tests that make cgroups and other users' processes.
  static let isRootEnabled = isRequired && !isUnprivileged || (isEnabled && geteuid() == 0)
  private static let isRequired = getenv("STORMFUSE_REQUIRE_LIVE").map { String(cString: $0) } == "1"
  /// This is the second run, as an unprivileged user.
  static let isUnprivileged = getenv("STORMFUSE_TEST_CGROUP") != nil

  /// Segments may be above 64 KB here.
  static let isBigTCP = getenv("STORMFUSE_TEST_BIG_TCP") != nil

  static let comment: Comment = "needs root, or CAP_BPF and CAP_NET_ADMIN with STORMFUSE_TEST_CGROUP naming our cgroup"
}

/// All tests here share the process's cgroup and run one after the other.
@Suite(.serialized, .enabled(if: Live.isEnabled, Live.comment), .timeLimit(.minutes(2))) struct LiveKernel {}
