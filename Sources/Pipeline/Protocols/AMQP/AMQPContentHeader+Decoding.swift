extension AMQPContentHeader {
  /// Reads a header frame's payload. Nil if a field runs beyond its end. `exact`: nothing is left over and no property
  /// is flagged that class basic does not have.
  static func decode(_ frame: RawSpan, exact: inout Bool) -> AMQPContentHeader? {
    var r = AMQPReader(offset: 0, end: frame.byteCount)
    let classID = r.u16(frame)
    let weight = r.u16(frame)
    var header = AMQPContentHeader(classID: classID, bodySize: r.u64(frame))
    header.flags = r.u16(frame)
    let flags = header.flags
    // Further flag words follow while bit 0 is set; their properties would come after the first word's.
    var word = flags
    var extraFlags: UInt16 = flags & 0x0002
    while word & 1 != 0, !r.failed {
      word = r.u16(frame)
      extraFlags |= word & 0xfffe
    }
    if flags & 0x8000 != 0 { header.contentType = r.shortString(frame) }
    if flags & 0x4000 != 0 { header.contentEncoding = r.shortString(frame) }
    if flags & 0x2000 != 0 { header.headers = r.longString(frame) }
    if flags & 0x1000 != 0 { header.deliveryMode = r.u8(frame) }
    if flags & 0x0800 != 0 { header.priority = r.u8(frame) }
    if flags & 0x0400 != 0 { header.correlationID = r.shortString(frame) }
    if flags & 0x0200 != 0 { header.replyTo = r.shortString(frame) }
    if flags & 0x0100 != 0 { header.expiration = r.shortString(frame) }
    if flags & 0x0080 != 0 { header.messageID = r.shortString(frame) }
    if flags & 0x0040 != 0 { header.timestamp_s = r.u64(frame) }
    if flags & 0x0020 != 0 { header.type = r.shortString(frame) }
    if flags & 0x0010 != 0 { header.userID = r.shortString(frame) }
    if flags & 0x0008 != 0 { header.appID = r.shortString(frame) }
    if flags & 0x0004 != 0 { header.clusterID = r.shortString(frame) }
    guard !r.failed else { return nil }
    exact = r.isComplete && extraFlags == 0 && weight == 0
    return header
  }
}
