import AdminAPI
import Foundation
import Pipeline

/// Refuses before the run what could not be written after it.
func checkReport(_ path: String) throws {
  let directory = URL(filePath: path).deletingLastPathComponent().path
  var isDirectory: ObjCBool = false
  let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
  let why: String? =
    if exists && isDirectory.boolValue {
      "that is a directory: name a file in it"
    } else if !FileManager.default.fileExists(atPath: directory) {
      "there is no directory \(directory): create it"
    } else if !FileManager.default.isWritableFile(atPath: directory) {
      "this user may not create files in \(directory): grant it, or choose another"
    } else {
      nil
    }
  if let why { throw Failure("the report can't be written to \(path): \(why)") }
}

/// Writes the report whole or not at all: to a temporary file beside it, then renamed.
func writeReport(_ report: Report, to path: String) throws {
  do {
    try Data(try JSON.encode(report, pretty: true) + [0x0a]).write(to: URL(filePath: path), options: .atomic)
  } catch {
    throw Failure("the report could not be written to \(path): \(reason(error))")
  }
}

/// The system's words where it was the system, without the period that Foundation's end with.
private func reason(_ error: any Error) -> String {
  if let posix = (error as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError {
    return String(cString: strerror(posix.code.rawValue))
  }
  let words = error.localizedDescription
  return words.hasSuffix(".") ? String(words.dropLast()) : words
}
