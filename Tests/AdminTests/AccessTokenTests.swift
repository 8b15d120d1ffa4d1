import Foundation
import Testing

@testable import AdminAPI

@Suite struct AccessTokenTests {
  private func read(_ content: String, mode: mode_t = 0o600) async throws -> AccessToken {
    try await withTemporaryDirectory { directory in
      let path = directory + "/token"
      _ = FileManager.default.createFile(atPath: path, contents: Data(content.utf8))
      chmod(path, mode)
      return try AccessToken.read(path: path)
    }
  }

  @Test(arguments: [mode_t(0o600), 0o400, 0o440, 0o660])
  func `a token is read without the white space around it`(mode: mode_t) async throws {
    let token = try await read(" 0123456789abcdef\r\n", mode: mode)
    #expect(token.matches("0123456789abcdef"))
    #expect(token.authorization == "Bearer 0123456789abcdef")
  }

  @Test func `a symbolic link is followed, as secrets are mounted`() async throws {
    try await withTemporaryDirectory { directory in
      _ = FileManager.default.createFile(atPath: directory + "/data", contents: Data("0123456789abcdef".utf8))
      chmod(directory + "/data", 0o440)
      #expect(symlink(directory + "/data", directory + "/token") == 0)
      let token = try AccessToken.read(path: directory + "/token")
      #expect(token.matches("0123456789abcdef"))
    }
  }

  @Test(
    arguments: [
      ("0123456789abcdef", 0o644, "every user"), ("0123456789abcdef", 0o602, "every user"),
      ("0123456789abcde", 0o600, "15 bytes"), ("", 0o600, "0 bytes"), ("0123456789 abcdef", 0o600, "white space"),
      ("0123456789\nabcdef", 0o600, "white space"), ("0123456789abcdeé", 0o600, "visible ASCII"),
      (String(repeating: "x", count: 5000), 0o600, "4160 bytes"),
    ] as [(String, mode_t, String)])
  func `a file that is open to all, too short, too long or no token is refused`(
    content: String, mode: mode_t, reason: String
  ) async throws {
    let error = await #expect(throws: AccessToken.ReadError.self) { _ = try await read(content, mode: mode) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    #expect(content.isEmpty || error?.description.contains(content) == false)
  }

  @Test func `what is no file is refused at once`() async throws {
    try await withTemporaryDirectory { directory in
      #expect(mkfifo(directory + "/pipe", 0o600) == 0)
      for path in [directory, directory + "/pipe", directory + "/none"] {
        #expect(throws: AccessToken.ReadError.self) { try AccessToken.read(path: path) }
      }
    }
  }

  @Test func `the comparison sees every difference, wherever it is and however long the other is`() {
    let secret = Array("0123456789abcdef".utf8)
    #expect(AccessToken.difference(secret, secret) == 0)
    for index in secret.indices {
      for bit in 0..<8 {
        var other = secret
        other[index] ^= 1 << bit
        #expect(AccessToken.difference(other, secret) != 0)
      }
      #expect(AccessToken.difference(Array(secret[..<index]), secret) != 0)
    }
    // Twice the secret: every byte equals the one it is laid against, only the length tells.
    #expect(AccessToken.difference(secret + secret, secret) != 0)
    #expect(AccessToken.difference([], secret) != 0 && AccessToken.difference([], []) != 0)
  }

  @Test func `nothing that prints a token shows it`() async throws {
    let token = try await read("0123456789abcdef")
    var dumped = ""
    dump(token, to: &dumped)
    for text in ["\(token)", String(reflecting: token), String(describing: [token]), dumped] {
      #expect(!text.contains("0123456789abcdef") && !text.contains("48"))
    }
  }
}
