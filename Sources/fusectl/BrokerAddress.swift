#if os(Linux)
  internal import Glibc
  internal import Kernel
  internal import Pipeline

  /// `HOST:PORT` as given to `--to`.
  enum BrokerAddress {
    /// Every address that the host has; a name is looked up once, when the hold begins.
    static func endpoints(_ text: String) throws(KernelError) -> [Endpoint] {
      guard let (host, port) = parts(text) else { throw KernelError(.failed, wrong(text)) }
      var hints = addrinfo()
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
      var list: UnsafeMutablePointer<addrinfo>?
      let error = getaddrinfo(host, nil, &hints, &list)
      defer { if let list { freeaddrinfo(list) } }
      guard error == 0 else {
        let reason = String(cString: gai_strerror(error))
        throw KernelError(.failed, "the host \"\(host)\" of --to was not found (\(reason)): write its IP address")
      }
      var endpoints = [Endpoint]()
      var next = list
      while let entry = next {
        next = entry.pointee.ai_next
        guard let endpoint = endpoint(entry.pointee, port: port), !endpoints.contains(endpoint) else { continue }
        endpoints.append(endpoint)
      }
      return endpoints
    }

    /// Of what is no address: what to write.
    static func wrong(_ text: String) -> String {
      if !text.isEmpty, parts(text + ":5672") != nil {
        return "\"\(text)\" has no port: write HOST:PORT, as in \(text):5672"
      }
      return "\"\(text)\" is not an address: write HOST:PORT, as in 10.0.0.7:5672, broker.internal:5672 or [::1]:5672"
    }

    static func parts(_ text: String) -> (host: String, port: UInt16)? {
      guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
        return nil
      }
      var host = text[..<colon]
      if host.hasPrefix("[") && host.hasSuffix("]") {
        host = host.dropFirst().dropLast()
      } else if host.contains(":") {
        return nil
      }
      return host.isEmpty ? nil : (String(host), port)
    }

    private static func endpoint(_ entry: addrinfo, port: UInt16) -> Endpoint? {
      guard let address = UnsafeRawPointer(entry.ai_addr) else { return nil }
      switch entry.ai_family {
      case AF_INET:
        return Endpoint(
          v4: UInt32(bigEndian: address.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr), port: port)
      case AF_INET6:
        var bytes = address.loadUnaligned(as: sockaddr_in6.self).sin6_addr
        return withUnsafeBytes(of: &bytes) {
          Endpoint(
            high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)), port: port)
        }
      default: return nil
      }
    }
  }
#endif
