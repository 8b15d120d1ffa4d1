import Testing

/// What takes turns with a real broker and the real kernel: its members run one after the other, since each of them keeps
/// both of a small machine's processors busy, and counts on time in seconds.
@Suite(.serialized)
enum LiveSuite {}
