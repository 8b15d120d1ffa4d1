import AdminAPI
import ArgumentParser
import ConfigurationFile

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Looks at configuration files.", subcommands: [Check.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Checks a configuration file: every mistake at once, each with its line; prints what holds.")

    @Argument(help: "The YAML file.")
    var file: String

    func run() throws {
      let configuration = try load(file)
      Terminal.say("\(file) is good. This holds, defaults included:")
      Terminal.print(configuration.yaml)
    }
  }
}

/// Reads a configuration file, or exits with what is wrong with it.
func load(_ file: String?) throws -> Configuration {
  guard let file else { return Configuration() }
  do {
    return try Configuration.load(path: file)
  } catch {
    Terminal.say(error.description)
    throw ExitCode(1)
  }
}
