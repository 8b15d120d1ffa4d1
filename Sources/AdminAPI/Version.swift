/// stormfuse and fusectl are of one version: what the admin API says is what both know.
package enum Version {
  package static let current = "0.1.0"
}
