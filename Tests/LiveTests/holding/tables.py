"""Lines of JSON as tables for people, in Markdown."""

COLUMNS = {
    "client": "Client", "heartbeat_s": "Heartbeat", "held_s": "Held", "tcp_retries2": "tcp_retries2", "ip": "IP",
    "released_by": "Released by", "first_message_ms": "Release → first message", "closed_ms": "Closed after", "leaked": "Leaked",
    "unspent": "Of it unspent prefetch",
    "exposure": "Exposure", "passed_bytes": "Payload let through", "connections_lost": "Connections lost",
    "messages_lost": "Messages lost", "redelivered": "Redelivered", "published": "Published",
}
UNITS = {"heartbeat_s": " s", "held_s": " s", "first_message_ms": " ms", "closed_ms": " ms", "passed_bytes": " B"}


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
