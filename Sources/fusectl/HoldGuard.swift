#if os(Linux)
  internal import ArgumentParser
  internal import Glibc
  internal import Kernel

  /// `--detach`: this program once more, in a session of its own and without a terminal.
  enum HoldGuard {
    /// Starts it and returns when it holds, having said so with its number; exits with its error if it can't.
    /// - Returns: Whether there is a connection to hold.
    static func start() throws -> Bool {
      var pipes: [Int32] = [-1, -1]
      guard pipe(&pipes) == 0 else {
        throw KernelError(.failed, "no pipe for the guard process: \(String(cString: strerror(errno)))")
      }
      defer { close(pipes[0]) }
      // Nothing else is started meanwhile, so they can be marked afterwards.
      for end in pipes { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
      posix_spawn_file_actions_init(&actions)
      posix_spawnattr_init(&attributes)
      defer {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
      }
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
      posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO)
      posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO)
      // POSIX_SPAWN_SETSID of spawn.h, which is behind _GNU_SOURCE.
      posix_spawnattr_setflags(&attributes, 0x80)
      let arguments = ["fusectl"] + CommandLine.arguments.dropFirst().filter { $0 != "--detach" } + ["--guard"]
      var copies: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
      defer { for copy in copies { free(copy) } }
      var process: pid_t = 0
      let error = posix_spawn(&process, "/proc/self/exe", &actions, &attributes, &copies, environ)
      close(pipes[1])
      guard error == 0 else {
        throw KernelError(.failed, "the guard process could not be started: \(String(cString: strerror(error)))")
      }
      let said = read(pipes[0])
      var status: Int32 = 0
      let last = [ready, readyWithout].first { said.hasSuffix($0) }
      guard let last, waitpid(process, &status, WNOHANG) != process else {
        Terminal.say(said.split(separator: "\n").joined(separator: "\n"))
        throw ExitCode(1)
      }
      Terminal.say(said.dropLast(last.count).split(separator: "\n").joined(separator: "\n"))
      print(started(process, isTerminal: isatty(STDOUT_FILENO) == 1))
      return last == ready
    }

    /// What is printed of the guard: for people what its number means; in a pipe the number alone.
    static func started(_ process: pid_t, isTerminal: Bool) -> String {
      isTerminal ? "process \(process) keeps the hold; 'fusectl release --pid \(process)' ends it" : "\(process)"
    }

    /// In the guard: says that it holds, and lets go of the terminal.
    static func detach(hasConnections: Bool) {
      let word = hasConnections ? ready : readyWithout
      _ = Glibc.write(STDERR_FILENO, word, word.utf8.count)
      let nothing = open("/dev/null", O_RDWR)
      for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { dup2(nothing, descriptor) }
      if nothing > STDERR_FILENO { close(nothing) }
      _ = chdir("/")
    }

    private static func read(_ descriptor: Int32) -> String {
      var bytes = [UInt8]()
      var chunk = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = Glibc.read(descriptor, &chunk, chunk.count)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk[..<count]
      }
    }

    private static let ready = "ready\n"
    /// Ready, but there is nothing yet to hold.
    private static let readyWithout = "waiting\n"
  }
#endif
