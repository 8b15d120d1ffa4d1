import AdminAPI
import Foundation
import Pipeline

/// Writes the report whole or not at all: to a temporary file beside it, then renamed.
func writeReport(_ report: Report, to path: String) throws {
  do {
    try Data(try JSON.encode(report, pretty: true) + [0x0a]).write(to: URL(filePath: path), options: .atomic)
  } catch {
    throw Failure(
      "the report could not be written to \(path): \(error.localizedDescription). Is the directory there and writable?")
  }
}
