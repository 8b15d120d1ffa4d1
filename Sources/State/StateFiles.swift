/// What is done to the files of one directory, so that tests can take away the disk at any step. Names have no slashes; a
/// file is a descriptor.
///
/// Nothing is durable before its `flush`: neither bytes without that of their file, nor names without that of the
/// directory.
protocol StateFiles: Sendable {
  func names() throws(FileFailure) -> [String]
  /// The whole file; nil if there is none.
  func contents(of name: String) throws(FileFailure) -> [UInt8]?
  /// An empty file for writing, mode 0600; one that was there is emptied.
  func create(_ name: String) throws(FileFailure) -> Int32
  /// A file for appending, mode 0600 if it is new; its length, and whether it ends inside a line.
  func extend(_ name: String) throws(FileFailure) -> (file: Int32, size_bytes: Int, isInsideLine: Bool)
  /// All of the bytes at the file's end, in one write where the system takes them.
  func append(_ bytes: [UInt8], to file: Int32) throws(FileFailure)
  func flush(_ file: Int32) throws(FileFailure)
  /// Takes away what lies behind a length.
  func cut(_ file: Int32, to size_bytes: Int) throws(FileFailure)
  func finish(_ file: Int32)
  func move(_ name: String, to other: String) throws(FileFailure)
  /// No failure if there is none.
  func delete(_ name: String) throws(FileFailure)
  func flushDirectory() throws(FileFailure)
  /// Why no new file has room there, as far as its file system says; nil if one has.
  func lackOfRoom() -> String?
}
