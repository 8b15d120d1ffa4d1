package import AdminAPI
package import Pipeline

/// Everything that a configuration file says, with the defaults for what it does not say.
///
/// The file is one YAML mapping; every key is optional. What a group's `rules` does not name is as at the top level.
/// `load` and `parse` refuse a file as a whole: unknown or repeated keys, wrong types and impossible values are all
/// reported at once, each with its place and what was probably meant.
package struct Configuration: Equatable, Sendable {
  /// What the pipeline needs.
  package var settings = Settings()
  package var admin = AdminSettings()
  /// Nil: no webhook.
  package var webhook: WebhookSettings?
  /// Path of the file to which transitions are appended as JSON lines; `-` is standard output. Nil: none.
  package var events: String?
  package var capture = CaptureSettings()
  /// Directory for what outlives the process. Nil: nothing does.
  package var state: String?

  package init() {}

  /// Reads a file.
  ///
  /// - Throws: `ConfigurationError` with everything that is wrong, the file being unreadable included.
  package static func load(path: String) throws(ConfigurationError) -> Configuration {
    try parse(SourceText.read(path), file: path)
  }

  /// Reads a text.
  ///
  /// - Parameter file: The name that stands before each problem.
  package static func parse(_ text: String, file: String) throws(ConfigurationError) -> Configuration {
    let (root, duplicates) = try SourceText.compose(text, file: file)
    var configuration = Configuration()
    let reader = Reader(file: file)
    reader.problems = duplicates
    configuration.read(root, reader)
    guard reader.problems.isEmpty else { throw ConfigurationError(problems: reader.problems) }
    return configuration
  }
}

/// `admin:`
package struct AdminSettings: Equatable, Sendable {
  /// Beyond loopback only with a token file. [listen]
  package var listen = Listen.standard
  /// File of the token that permits changes over TCP. Its content is read at the start, not here. [token_file]
  package var tokenFile: String?
  /// Names, besides loopback's own, under which the API may be asked over TCP: without port. [hosts]
  package var hosts: [String] = []
  /// Where a second listener serves only /metrics, /healthz and /readyz; any address. Nil: none. [metrics]
  package var metrics: Listen?
  package init() {}
}

/// `webhook:`
package struct WebhookSettings: Equatable, Sendable {
  /// http or https. It may hold a secret: never shown.
  package var url: String
  /// For one try, connecting included.
  package var timeout_ns: Int64 = .seconds(10)
  /// Tries after the first.
  package var retries = 8
  /// No try begins later than this after the event.
  package var retryFor_ns: Int64 = .seconds(600)
  /// Sent along as they stand; may hold secrets.
  package var headers: [Header] = []

  package struct Header: Equatable, Sendable {
    package var name: String
    package var value: String
  }

  package init(url: String) { self.url = url }
}

/// `capture:`
package struct CaptureSettings: Equatable, Sendable {
  /// Size of the ring between kernel and sidecar; a power of two. [ring]
  package var ring_bytes = 16 << 20
  package init() {}
}
