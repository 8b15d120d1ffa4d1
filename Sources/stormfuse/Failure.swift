import ArgumentParser

#if os(Linux)
  import Kernel
#endif

/// An error whose description is all there is to say.
struct Failure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// Runs a subcommand; what it throws is said on standard error and becomes the exit status.
func orExit<Value>(_ body: () async throws -> Value) async throws -> Value {
  do { return try await body() } catch let error as ExitCode {
    // Said already.
    throw error
  } catch {
    Terminal.say("stormfuse: \(error)")
    #if os(Linux)
      if let error = error as? KernelError, case .cannotStart(let code) = error.kind { throw ExitCode(code) }
    #endif
    throw ExitCode(1)
  }
}
