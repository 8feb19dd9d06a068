"""Says what is installed, what can run on this machine now, and what to do about the rest.

    python tools/doctor.py [--json]

The exit code is 0 if `make demo` can run, else 1. It needs nothing but Python itself, because it is
there to say what is missing.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script only sees tools/

from tools.checks.detection import detectors, weights
from tools.checks.finding import MISSING, Check, Finding, isolated
from tools.checks.machine import cores, devices, disk, renderer
from tools.checks.models import assets, bodies
from tools.checks.packages import packages, python

CHECKS: tuple[Check, ...] = (
    python,
    packages,
    detectors,
    weights,
    renderer,
    bodies,
    assets,
    cores,
    devices,
    disk,
)
_COLORS = {"ok": "green", "note": "yellow", "missing": "red"}


def examine(checks: Iterable[Check]) -> list[Finding]:
    """All findings, in the checks' order; two run at a time, because most wait for other
    processes."""
    with ThreadPoolExecutor(2) as pool:
        return [finding for found in pool.map(isolated, checks) for finding in found]


def demo_runs(findings: list[Finding]) -> bool:
    """Whether the demo has everything that it needs."""
    return not any(finding.needed and finding.state == MISSING for finding in findings)


def verdict(findings: list[Finding]) -> str:
    """The last line of the report."""
    if demo_runs(findings):
        return "The demo can run: make demo"
    lacking: dict[str, list[str]] = {}
    for finding in findings:
        if finding.needed and finding.state == MISSING:
            lacking.setdefault(finding.topic, []).append(finding.name)
    named = [f"{topic} ({', '.join(names)})" for topic, names in lacking.items()]
    return f"The demo cannot run yet, because it lacks {'; '.join(named)}"


def commands(findings: list[Finding]) -> list[str]:
    """The commands to run on another machine, and what each of them is for."""
    return [f"{f.topic}: {f.name}: {f.command}" for f in findings if f.command]


def merged(findings: list[Finding]) -> list[Finding]:
    """Join neighbours that say the same into one."""
    groups = groupby(findings, lambda f: (f.topic, f.state, f.detail, f.advice))
    return [_together(list(group)) for _, group in groups]


def _together(group: list[Finding]) -> Finding:
    if len(group) == 1:
        return group[0]
    detail = f"{group[0].detail}: {', '.join(f.name for f in group)}"
    return replace(group[0], name=f"{len(group)} of them", detail=detail)


def print_report(findings: list[Finding]) -> None:
    """A table by rich, or plain lines if rich is not installed."""
    try:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table
    except ImportError:
        for f in merged(findings):
            advice = f"\n    -> {f.advice}" if f.advice else ""
            print(f"{f.state:8}{f.topic}: {f.name}: {f.detail}{advice}")
        print(*commands(findings), verdict(findings), sep="\n")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(4):
        table.add_column(overflow="fold")
    shown = ""
    for f in merged(findings):
        topic = f.topic if f.topic != shown else ""
        state = f"[{_COLORS[f.state]}]{f.state}[/]"
        table.add_row(topic, escape(f.name), state, escape(f.detail))
        if f.advice:
            table.add_row("", "", "", f"[bold]-> {escape(f.advice)}[/]")
        shown = f.topic
    console = Console()
    console.print(table)
    for line in commands(findings):  # plain, so that a line is not broken and can be copied
        print(line)
    console.print(verdict(findings), style="green" if demo_runs(findings) else "red")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(arguments)
    findings = examine(CHECKS)
    if options.json:
        report = {"demo_runs": demo_runs(findings), "findings": [asdict(f) for f in findings]}
        print(json.dumps(report, indent=2))
    else:
        print_report(findings)
    return 0 if demo_runs(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
