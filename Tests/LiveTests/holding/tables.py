"""Lines of JSON as tables for people, in Markdown."""

COLUMNS = {
    "client": "Client", "heartbeat_s": "Heartbeat", "held_s": "Held", "tcp_retries2": "tcp_retries2", "ip": "IP",
    "released_by": "Released by", "first_message_ms": "Release → first message", "flowing_ms": "→ traffic",
    "closed_ms": "Closed after", "leaked": "Leaked",
    "exposure": "Exposure", "passed_bytes": "Payload let through", "connections_lost": "Connections lost",
    "messages_lost": "Messages lost", "acks_lost": "Acks lost", "redelivered": "Redelivered", "published": "Published", "prefetch": "Prefetch",
}
UNITS = {"heartbeat_s": " s", "held_s": " s", "first_message_ms": " ms", "closed_ms": " ms", "flowing_ms": " ms", "passed_bytes": " B"}


def cell(name, value):
    if value is None:
        return "–"
    if isinstance(value, float):
        value = f"{value:.0f}" if name.endswith("_ms") or value == int(value) else f"{value:.1f}"
    return f"{value}{UNITS.get(name, '')}"


def table(header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(word.ljust(width) for word, width in zip(line, widths)) + " |" for line in lines)


def span(values):
    """What several consumers came to, as one cell."""
    values = sorted(value for value in values if value is not None)
    if not values:
        return "–"
    low, high = f"{values[0]:.0f}", f"{values[-1]:.0f}"
    return low if low == high else f"{low} – {high}"


def summary(lines):
    """The cases of holds in one table: a row for each client of each case, heartbeats and IP versions side by side."""
    kinds = [(heartbeat, ip) for heartbeat in (10, 60) for ip in (4, 6)]
    header = [
        "Case", "Client", *(f"heartbeat {heartbeat} s, IPv{ip}" for heartbeat, ip in kinds),
        "Leaked, 10 s", "Leaked, 60 s", "Published, each", "Lost, redelivered, disconnected",
    ]
    rows = []
    for line in lines:
        if line["table"] != "holds":
            continue
        for client in dict.fromkeys(row["client"] for row in line["rows"]):
            own = [row for row in line["rows"] if row["client"] == client]

            def of(name, heartbeat, ip=None):
                return span(
                    row[name] for row in own if row["heartbeat_s"] == heartbeat and ip in (None, row["ip"]))

            times = ("closed_ms",) if line["rows"][0]["released_by"] == "close" else ("first_message_ms", "flowing_ms")
            counts = ("messages_lost", "redelivered", "connections_lost")
            totals = [sum(row[name] or 0 for row in own) for name in counts]
            rows.append([
                line["case"] + ("" if line["passed"] else " (failed)"), client, *(" / ".join(of(time, *kind) for time in times) for kind in kinds),
                of("leaked", 10), of("leaked", 60), span(row["published"] for row in own), ", ".join(map(str, totals)),
            ])
    # A column in which nothing was run says nothing.
    kept = [i for i in range(len(header)) if any(row[i].strip("–/ ") for row in rows)]
    return table([header[i] for i in kept], [[row[i] for i in kept] for row in rows]) + "\n" if rows else ""


def tables(lines):
    """One for each case, with what differed under it."""
    parts = []
    for line in lines:
        verdict = "passed" if line["passed"] else "FAILED"
        parts.append(f"### {line['case']}\n\n{verdict} in {line['seconds']} s.")
        if line["table"] == "holds" and line["rows"]:
            # What is empty throughout says nothing.
            names = [name for name in COLUMNS if any(row[name] is not None for row in line["rows"])]
            rows = [[cell(name, row[name]) for name in names] for row in line["rows"]]
            parts.append(table([COLUMNS[name] for name in names], rows))
        elif line["rows"]:
            rows = [[row["what"], str(row["value"])] for row in line["rows"]]
            parts.append(table(["What", "Value"], rows))
        if line["differences"]:
            parts.append("\n".join(f"- {difference}" for difference in line["differences"]))
    return "\n\n".join(parts) + "\n"
