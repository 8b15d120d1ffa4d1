internal import Pipeline

/// The page at `/`: groups, their breakers and rates at a glance, from `/v1/breakers`, every two seconds. It loads
/// nothing from elsewhere and writes what it gets only as text.
enum Page {
  static let html = """
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'">
    <title>stormfuse</title>
    <style>
      :root { color-scheme: light dark; --bad: light-dark(#b3261e, #ff8a80); --warn: light-dark(#8a5a00, #ffcb6b);
        --good: light-dark(#146c2e, #81c995); --line: light-dark(#ddd, #444); }
      body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
      h1 { font-size: 1.3rem; margin: 0; }
      p { margin: .3rem 0 1rem; opacity: .75; }
      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
      th, td { text-align: left; padding: .4rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
      th.n, td.n { text-align: right; }
      .storm, .open, .forced_open { color: var(--bad); font-weight: 600; }
      .poison, .crash_loop, .stalled, .failing, .incomplete, .half_open, .forced_closed { color: var(--warn);
        font-weight: 600; }
      /* A closed breaker is good only where the verdict beside it is. */
      .healthy, .healthy + .closed { color: var(--good); }
      tr.notes td { padding: 0 .7rem .5rem 1.6rem; white-space: normal; }
      tr.noted td { border-bottom: none; }
      tr.notes b { font-weight: 600; }
      #troubles { color: var(--warn); opacity: 1; font-weight: 600; white-space: pre-line; }
    </style>
    <h1>stormfuse</h1>
    <p id="note" role="status">loading…</p>
    <p id="troubles" role="alert" hidden></p>
    <div class="scroll"><table>
      <thead><tr><th>group<th>verdict<th>breaker<th>held<th class="n">error rate<th class="n">dead letters
        <th class="n">retries p95<th class="n">delay p95<th class="n">in flight<th class="n">coverage</thead>
      <tbody id="rows"></tbody>
    </table></div>
    <script>
      const rows = document.getElementById("rows"), note = document.getElementById("note");
      const troubles = document.getElementById("troubles");
      const whys = {\(whys)};
      const share = x => x == null ? "–" : (100 * x).toFixed(1) + " %";
      const number = (x, unit) => x == null ? "–" : +x.toFixed(1) + (unit || "");
      function cell(row, text, name, href) {
        const td = row.insertCell();
        if (name) td.className = name;
        if (href) { const a = td.appendChild(document.createElement("a")); a.href = href; a.textContent = text; }
        else td.textContent = text;
      }
      function addNotes(body, row, notes) {
        row.className = "noted";
        const below = body.insertRow(), td = below.insertCell();
        below.className = "notes";
        td.colSpan = row.cells.length;
        for (const note of notes) {
          const line = td.appendChild(document.createElement("div"));
          line.appendChild(document.createElement("b")).textContent = note.name;
          line.appendChild(document.createTextNode(": " + note.text));
        }
      }
      async function load() {
        try {
          const list = await (await fetch("/v1/breakers")).json();
          const fresh = document.createElement("tbody");
          for (const b of list.breakers) {
            const row = fresh.insertRow();
            const rate = (name, show) => b.window[name] != null || b.total[name] == null
              ? show(b.window[name]) : "~" + show(b.total[name]);
            const isOnly = list.breakers.filter(other => other.key === b.key).length === 1;
            cell(row, isOnly ? b.key : b.key + "@" + b.cluster + " (" + b.target + ")", "", b.href);
            cell(row, b.verdict + (b.rule ? " (" + b.rule + ")" : ""), b.verdict);
            cell(row, b.state.replace("_", "-"), b.state);
            cell(row, b.held ? "yes" : b.why ? "no: " + (b.why_detail ?? whys[b.why] ?? b.why) : "no");
            cell(row, rate("error_rate", share), "n");
            cell(row, rate("dead_letter_rate", share), "n");
            cell(row, rate("retries_p95", number), "n");
            cell(row, rate("consumption_delay_p95_s", x => number(x, " s")), "n");
            cell(row, b.in_flight, "n");
            cell(row, share(b.coverage), "n");
            if (b.notes) addNotes(fresh, row, b.notes);
          }
          rows.replaceChildren(...fresh.rows);
          troubles.hidden = !list.troubles;
          troubles.textContent = list.troubles ? "degraded: " + list.troubles.join("\\n") : "";
          note.textContent = list.breakers.length + " group" + (list.breakers.length == 1 ? "" : "s") + " at " + list.at
            + ". Rates are those of the rules' window; ~ marks one of the whole run.";
        } catch (error) { note.textContent = "the sidecar does not answer (" + error.message + ")"; }
        setTimeout(load, 2000);
      }
      load();
    </script>
    """

  /// What `why` means, by its name, as the fields of a script's object. None has a quotation mark or a backslash in it.
  private static let whys = NotHeld.allCases.map { "\"\($0.rawValue)\": \"\($0.sentence)\"" }.joined(separator: ", ")
}
