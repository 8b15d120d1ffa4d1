internal import AdminAPI
internal import Pipeline

extension Configuration {
  /// The effective configuration: every key with the value that holds, in the file's own syntax, so that it reads back
  /// the same. Secrets are left out: the webhook's address shows only scheme and host, its headers only names, and the
  /// text then reads back with those placeholders.
  package var yaml: String {
    var out = YAMLText()
    out.line("mode", settings.mode.rawValue)
    out.line("window", duration: settings.window_ns)
    if let cluster = settings.cluster { out.line("cluster", quoted: cluster) }
    out.write(settings.rules)
    out.open("breaker")
    out.line("open_base", duration: settings.breaker.openBase_ns)
    out.line("open_maximum", duration: settings.breaker.openMaximum_ns)
    out.line("open_reset", duration: settings.breaker.openReset_ns)
    out.line("jitter", Quantity.numberText(settings.breaker.jitter))
    out.line("seed", "\(settings.breaker.seed)")
    out.line("probes", "\(settings.breaker.probes)")
    out.line("half_open", duration: settings.breaker.halfOpen_ns)
    out.line("max_episode", duration: settings.breaker.maxEpisode_ns)
    out.line("trip_open", duration: settings.breaker.tripOpen_ns)
    out.line("forced_open", duration: settings.breaker.forcedOpen_ns)
    out.close()
    out.line("dead_letter", list: settings.destinations.deadLetter)
    out.line("retry", list: settings.destinations.retry)
    out.line("normal", list: settings.destinations.normal)
    out.line("conventional_names", settings.destinations.conventional ? "on" : "off")
    out.line("hold_limit", duration: settings.holding.limit_ns)
    out.line("shared_connections", settings.holding.sharedConnections.rawValue)
    out.line("shared_connections_age", duration: settings.holding.sharedAge_ns)
    if let state { out.line("state", quoted: state) }
    out.open("limits")
    out.line("groups", "\(settings.limits.groups)")
    out.line("messages", "\(settings.limits.messages)")
    out.line("connections", "\(settings.limits.connections)")
    out.line("in_flight", "\(settings.limits.inFlight)")
    out.close()
    out.write(settings.groups)
    out.open("admin")
    out.line("listen", quoted: admin.listen.description)
    if let file = admin.tokenFile { out.line("token_file", quoted: file) }
    out.line("hosts", list: admin.hosts)
    if let metrics = admin.metrics { out.line("metrics", quoted: metrics.description) }
    out.close()
    if let webhook { out.write(webhook) }
    if let events { out.line("events", quoted: events) }
    out.open("capture")
    out.line("ring", Quantity.bytesText(capture.ring_bytes))
    out.close()
    return out.text
  }
}
