"""Figures, their spread, and the machine they come from."""

import datetime
import math
import os
import pathlib
import platform
import statistics

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Load per processor above which something else than the benchmark decides the figures.
BUSY = 0.25
RATIO = "×"


class Failure(Exception):
    """What happened, why, and what to do, in one line."""


class Row:
    """One line of the table: a figure over several runs, and what it is meant to be."""

    def __init__(self, case, figure, unit, values, base=None, treated=None, aim=None, centre=None):
        self.case, self.figure, self.unit = case, figure, unit
        self.value = statistics.median(values) if centre is None else centre
        self.low, self.high, self.runs = min(values), max(values), len(values)
        self.interval = median_interval(values)
        # Medians of the two sides of a ratio, as text; empty for a plain figure.
        self.base, self.treated = base, treated
        self.aim = aim  # ("≤" or "≥", number), or None where there is none

    @property
    def meets_aim(self):
        if self.aim is None:
            return None
        return self.value <= self.aim[1] if self.aim[0] == "≤" else self.value >= self.aim[1]

    @property
    def is_undecided(self):
        """A ratio whose median, for all that these runs tell, may lie on either side of the aim."""
        return self.aim is not None and self.unit == RATIO and self.interval[0] <= self.aim[1] <= self.interval[1]

    def object(self):
        return {
            "case": self.case, "figure": self.figure, "unit": self.unit, "value": self.value, "low": self.low,
            "high": self.high, "median_interval": self.interval, "runs": self.runs, "base": self.base, "treated": self.treated,
            "aim": None if self.aim is None else f"{self.aim[0]} {self.aim[1]}", "meets_aim": self.meets_aim,
            "undecided": self.is_undecided,
        }

    def cells(self):
        sides = f"{self.base} → {self.treated}" if self.base else ""
        word = "undecided" if self.is_undecided else "met" if self.meets_aim else "missed"
        aim = "" if self.aim is None else f"{self.aim[0]} {self.aim[1]:g} {word}"
        spread = f"{number(self.low)} – {number(self.high)}" if self.runs > 1 else ""
        value = f"{number(self.value)} {self.unit}"
        if self.unit == RATIO and self.interval != (self.low, self.high):
            value += f" ({number(self.interval[0])} – {number(self.interval[1])})"
        return [self.case, self.figure, sides, value, spread, str(self.runs), aim]


def number(value):
    """Three decimals for ratios, fewer the larger it is."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def median_interval(values):
    """Where the median of all runs that there could be lies, with a confidence of at least 95 %: between two of the values,
    by their rank alone (each falls below it as often as not). With fewer than six, the whole spread, which is less sure."""
    ordered, count = sorted(values), len(values)
    outside, below = 0, 0.0  # values left out at each end, and how likely the median is beyond what is left
    while (below := below + math.comb(count, outside) / 2**count) <= 0.025:
        outside += 1
    outside = max(0, outside - 1)
    return ordered[outside], ordered[count - 1 - outside]


def amount(value, unit):
    """A value with its unit, for the two sides of a ratio."""
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def paired(runs, one, first="untraced", second="traced"):
    """Results of `one(first)` and `one(second)`, interleaved in pairs; who is first changes from pair to pair."""
    pairs = []
    for index in range(runs):
        if index % 2 == 0:
            a = one(first)
            b = one(second)
        else:
            b = one(second)
            a = one(first)
        pairs.append((a, b))
    return pairs


def ratio(case, figure, pairs, key, unit, aim=None):
    """The row of second ÷ first, each pair by itself."""
    sides = [[run[key] for run in side] for side in zip(*pairs)]
    base, treated = (amount(statistics.median(side), unit) for side in sides)
    return Row(case, figure, RATIO, [b / a for a, b in zip(*sides)], base, treated, aim)


def percentile(values, share):
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))]


# --- the machine --------------------------------------------------------------------------------------------------


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def conditions():
    """Under which the figures were taken."""
    load = os.getloadavg()
    processors = len(os.sched_getaffinity(0))
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "kernel": platform.release(), "cpu": processor(), "cpus": processors,
        "load": [round(value, 2) for value in load], "busy": load[0] > BUSY * processors,
    }


def table(headings, rows):
    """Rows of text as a Markdown table whose columns line up."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in [headings, *rows]]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


HEADINGS = ["Case", "Figure", "Base → measured", "Median", "Spread", "Runs", "Aim"]
