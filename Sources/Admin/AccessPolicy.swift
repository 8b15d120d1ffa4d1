internal import AdminAPI
internal import HTTPTypes

/// Who may ask what, decided from a request's head.
///
/// | Reached by | reads | changes |
/// |---|---|---|
/// | Unix socket | everybody whom its mode (0660) lets in | the same |
/// | loopback TCP | everybody on this machine | the token; without one configured nobody |
/// | TCP beyond loopback | the token (except /healthz, /readyz, /metrics) | the token |
/// | the listener for metrics | everybody | there are none |
///
/// On TCP a browser can be made to send requests here by any page that it shows. Against pages that reach this address
/// under a name of their own (DNS rebinding) the Host has to be one of ours, and against pages that send to ours, the
/// Origin; a browser lets no page choose either. A Unix socket is out of a browser's reach.
struct AccessPolicy: Sendable {
  var reach: Reach
  var token: AccessToken?
  /// Names, besides loopback's own, under which this server is reached: without port, lower case.
  var hosts: [String] = []

  enum Reach: Equatable, Sendable {
    case unixSocket, loopback, metricsOnly
    /// The address listened on.
    case network(String)
  }

  init(reach: Reach, token: AccessToken? = nil, hosts: [String] = []) {
    self.reach = reach
    self.token = token
    self.hosts = hosts.map { $0.lowercased() }
  }

  init(_ listen: Listen, token: AccessToken?, hosts: [String]) {
    switch listen {
    case .unix: self.init(reach: .unixSocket, token: token, hosts: hosts)
    case .tcp(let host, _):
      self.init(reach: listen.isBeyondLoopback ? .network(host) : .loopback, token: token, hosts: hosts)
    }
  }

  /// Where the request came from, before anything else is looked at.
  ///
  /// The listener for metrics checks nothing: who scrapes reaches it under names that nobody here knows (a pod's address,
  /// a service's name), and numbers that are meant for the network are all that there is to get.
  func checkSource(_ request: HTTPRequest) throws(Problem) {
    switch reach {
    case .unixSocket, .metricsOnly: return
    case .loopback, .network: break
    }
    guard let authority = request.authority, isOwnHost(authority) else {
      let others = ownNames
      throw Problem(
        kind: .wrongHost,
        detail: "this API answers only to localhost, 127.0.0.1, [::1]" + others.map { ", \($0)" }.joined(),
        hint: "use one of them in the address"
          + (reach == .loopback ? "" : ", or add the name to admin.hosts in the configuration"))
    }
    if let origin = request.headerFields[.origin], !isOwnOrigin(origin, authority: authority) {
      throw Problem(
        kind: .crossOrigin, detail: "the request comes from a page of another site",
        hint: "pages elsewhere may not ask this API; use fusectl or curl")
    }
    if request.headerFields[.secFetchSite]?.lowercased() == "cross-site" {
      throw Problem(
        kind: .crossOrigin, detail: "the request comes from a page of another site (Sec-Fetch-Site: cross-site)",
        hint: "pages elsewhere may not ask this API; type the address instead of following a link")
    }
  }

  /// - Parameter isOpen: Whether it is one of the paths that probes and scrapers need.
  func checkRead(_ request: HTTPRequest, isOpen: Bool) throws(Problem) {
    guard case .network = reach, !isOpen else { return }
    try demandToken(request)
  }

  func checkChange(_ request: HTTPRequest) throws(Problem) {
    switch reach {
    case .unixSocket: return
    case .loopback where token == nil, .metricsOnly:
      throw Problem(
        kind: .readOnly, detail: "over TCP without a token this API only reads",
        hint: "for changes use the Unix socket (--admin unix:PATH), or start stormfuse with --admin-token-file PATH")
    case .loopback, .network: try demandToken(request)
    }
  }

  private func demandToken(_ request: HTTPRequest) throws(Problem) {
    let parts = (request.headerFields[.authorization] ?? "").split(separator: " ", maxSplits: 1)
    guard let token, parts.count == 2, parts[0].lowercased() == "bearer", token.matches(parts[1]) else {
      throw Problem(
        kind: .unauthorized, detail: parts.isEmpty ? "this needs the token" : "that is not the token",
        hint: "send it as Authorization: Bearer …; fusectl takes it from --token-file or STORMFUSE_TOKEN_FILE")
    }
  }

  private var ownNames: [String] {
    guard case .network(let address) = reach else { return hosts }
    return (Self.isWildcard(address) ? [] : [address]) + hosts
  }

  private func isOwnHost(_ authority: String) -> Bool {
    guard let host = Self.host(of: authority) else { return false }
    if Listen.isLoopback(host) || hosts.contains(host.lowercased()) { return true }
    guard case .network(let address) = reach, !Self.isWildcard(address) else { return false }
    return Listen.addressBytes(host) == Listen.addressBytes(address)
  }

  /// Same scheme, host and port as the request's own (RFC 6454): this server speaks plain HTTP.
  private func isOwnOrigin(_ origin: String, authority: String) -> Bool {
    func withoutStandardPort(_ text: String) -> String { text.hasSuffix(":80") ? String(text.dropLast(3)) : text }
    return withoutStandardPort(origin.lowercased()) == "http://" + withoutStandardPort(authority.lowercased())
  }

  private static func isWildcard(_ address: String) -> Bool {
    Listen.addressBytes(address)?.allSatisfy { $0 == 0 } ?? false
  }

  /// The host of `host`, `host:port`, `[v6]` or `[v6]:port`, without brackets.
  private static func host(of authority: String) -> Substring? {
    var host = Substring(authority)
    // After the name, a colon and a number; an IPv6 address stands in brackets.
    if let colon = host.lastIndex(of: ":"), host.last != "]" {
      guard UInt16(host[host.index(after: colon)...]) != nil else { return nil }
      host = host[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      return Listen.addressBytes(host)?.count == 16 ? host : nil
    }
    return host.contains(":") || host.isEmpty ? nil : host
  }
}

extension HTTPField.Name {
  /// https://www.w3.org/TR/fetch-metadata, section 2.4. The name is a token, so that it always exists.
  static var secFetchSite: HTTPField.Name { HTTPField.Name("Sec-Fetch-Site") ?? .origin }
}
