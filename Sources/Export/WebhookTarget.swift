internal import AdminAPI
internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Pipeline

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Where a webhook posts to, and the fields every request carries. Never printed: both may hold secrets.
struct WebhookTarget: Sendable {
  private let url: String
  private let fields: HTTPHeaders

  init(url: String, headers: [(name: String, value: String)], version: String) throws(Webhook.InvalidURL) {
    var fields: HTTPHeaders = ["Content-Type": "application/json", "User-Agent": "stormfuse/\(version)"]
    guard let parsed = URL(string: url), let scheme = parsed.scheme?.lowercased(),
      scheme == "http" || scheme == "https",
      parsed.host()?.isEmpty == false, let authority = Self.authority(of: url)
    else { throw Webhook.InvalidURL() }
    var address = url
    if let at = url[authority].lastIndex(of: "@") {
      // The client would not send them by itself.
      let credentials = PercentEncoding.decode(url[authority.lowerBound..<at]) ?? ""
      fields.add(name: "Authorization", value: "Basic \(Data(credentials.utf8).base64EncodedString())")
      address.removeSubrange(authority.lowerBound...at)
    }
    for header in headers { fields.replaceOrAdd(name: header.name, value: header.value) }
    self.url = address
    self.fields = fields
  }

  func request(id: String, body: [UInt8]) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url)
    request.method = .POST
    request.headers = fields
    request.headers.replaceOrAdd(name: "Idempotency-Key", value: id)
    request.body = .bytes(body)
    return request
  }

  /// From behind `://` to the path.
  private static func authority(of url: String) -> Range<String.Index>? {
    guard let colon = url.firstIndex(of: ":"),
      let start = url.index(colon, offsetBy: 3, limitedBy: url.endIndex)
    else { return nil }
    return start..<(url[start...].firstIndex { "/?#".contains($0) } ?? url.endIndex)
  }
}
