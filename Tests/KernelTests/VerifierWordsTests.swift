import Testing

@testable import Kernel

@Suite struct VerifierWordsTests {
  /// What libbpf 1.1 printed on Linux 6.18 of a program that is refused beside one that is not.
  private static let said = """
    libbpf: prog 'answers_two': BPF program load failed: Invalid argument
    libbpf: prog 'answers_two': -- BEGIN PROG LOAD LOG --
    0: R1=ctx() R10=fp0
    ; SEC("cgroup_skb/ingress") int answers_two(struct __sk_buff *skb) { return 2; } @ bad.bpf.c:5
    0: (b4) w0 = 2                        ; R0=2
    1: (95) exit
    At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]
    processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
    -- END PROG LOAD LOG --
    libbpf: prog 'answers_two': failed to load: -22
    libbpf: failed to load object 'bad.o'
    """

  @Test func `the program and the verifier's last line are found`() throws {
    let words = try #require(VerifierWords(Self.said))
    #expect(words.program == "answers_two")
    #expect(words.line == "At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]")
  }

  @Test(arguments: [
    "", "libbpf: Error in bpf_create_map_xattr(ring): Operation not permitted(-1)", "-- END PROG LOAD LOG --",
  ])
  func `what is no verifier's log gives nothing`(text: String) { #expect(VerifierWords(text) == nil) }

  /// The reader keeps the end of what was said.
  @Test func `a log that has lost its beginning will do`() throws {
    for cut in stride(from: 0, to: 300, by: 7) {
      let words = try #require(VerifierWords(String(Self.said.dropFirst(cut))))
      #expect(words.program == "answers_two" && words.line.hasPrefix("At program exit"))
    }
  }
}

@Suite struct KernelVersionTests {
  @Test(arguments: [
    ("6.1.0-57-cloud-amd64", KernelVersion(6, 1)), ("5.10.0", KernelVersion(5, 10)), ("7.3", KernelVersion(7, 3)),
    ("6.18.44-fc-v657", KernelVersion(6, 18)),
  ])
  func `releases are read`(text: String, version: KernelVersion) { #expect(KernelVersion(text) == version) }

  @Test func `5.10 is older than 5.11, and what is no release has no version`() {
    #expect(KernelVersion(5, 10) < KernelVersion(5, 11) && KernelVersion(5, 11) < KernelVersion(6, 1))
    #expect(KernelVersion("unknown") == nil)
  }
}
