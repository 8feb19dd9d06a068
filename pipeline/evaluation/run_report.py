"""One page about an evaluated run, to keep and to send: report.html needs no other file."""

import base64
import time
from html import escape
from pathlib import Path
from typing import Any

from pipeline.about import settings, versions
from pipeline.config import Config
from pipeline.evaluation.charts import draw_chart
from pipeline.evaluation.contact_sheets import rankings, write_contact_sheets
from pipeline.evaluation.evaluate import Evaluation, metrics_of
from pipeline.stages.stage import Job
from pipeline.storage.whole_files import replacing

REPORT = "report.html"
_MOST_NAMES = 200  # of cases without a fit
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1100px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2.2em;border-bottom:1px solid #ddd}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.15em .9em .15em 0;text-align:right;border-bottom:1px solid #eee}
th:first-child,td:first-child{text-align:left}
img{max-width:100%;height:auto;display:block;margin:.8em 0}
pre{background:#f6f6f6;padding:1em;overflow-x:auto;font-size:13px}p{max-width:75ch}
"""


def write_report(
    evaluation: Evaluation,
    jobs: list[Job],
    config: Config,
    summary: dict[str, Any],
    seconds: float,
) -> Path:
    """Draw the charts and contact sheets into the output folder, and put them all on one page.

    Args:
        evaluation: what was measured.
        jobs: that came through all stages.
        config: of the run.
        summary: as in summary.json.
        seconds: how long the run has taken so far.
    """
    folder = Path(config.runtime.output_dir)
    pictures: dict[str, Path] = {}
    for name, chart in evaluation.charts.items():
        draw_chart(chart, evaluation.tables[chart.table], folder / name)
        pictures[chart.title] = folder / name
    sheets = write_contact_sheets(evaluation, jobs, config, summary)
    sections = [
        _counts(evaluation) + _link_to_page(config),
        _section("Measures", _means(metrics_of(evaluation))),
        _section("Charts", "".join(_image(path, title) for title, path in pictures.items())),
        *_sheets(evaluation, sheets),
        *_tables(evaluation),
        _section("Not fitted", _not_fitted(evaluation, summary)),
        _section("Time", _times(summary, jobs, seconds)),
        _section("Configuration", f"<pre>{escape(settings(config))}</pre>"),
        _section("Versions", _table(["", "version"], [list(row) for row in versions().items()])),
    ]
    path = folder / REPORT
    with replacing(path) as temporary:
        temporary.write_text(_page(_title(config), "".join(sections)), encoding="utf-8")
    return path


def _title(config: Config) -> str:
    return f"{type(config.detector).__name__} on {type(config.data).__name__}, evaluated"


def _page(title: str, body: str) -> str:
    # The policy lets the page load nothing, so that it stays as it was written.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>{content}" if content else ""


def _counts(evaluation: Evaluation) -> str:
    fitted, cases = int(evaluation.fitted.sum()), len(evaluation.cases)
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    more = "".join(f", {escape(name)} {value:.4g}" for name, value in evaluation.figures.items())
    return f"<p>{cases} cases, {fitted} fitted, {cases - fitted} not{more}. {escape(now)}</p>"


def _link_to_page(config: Config) -> str:
    """A link to the gallery with every image in 3-D, if the run writes one."""
    return '<p><a href="index.html">Every image in 3-D</a></p>' if "page" in config.export else ""


def _means(metrics: dict[str, Any]) -> str:
    rows = [
        [name, *(f"{figures[k]:.4g}" for k in ("mean", "low", "high", "median"))]
        for name, figures in metrics["means"].items()
        if figures["mean"] is not None
    ]
    return _table(["measure", "mean", "95 % from", "to", "median"], rows)


def _sheets(evaluation: Evaluation, sheets: dict[str, Path]) -> list[str]:
    ranked = rankings(evaluation)
    return [
        _section(
            f"The {len(ranked[kind])} {kind} fits by {evaluation.ranking}",
            "<p>The fitted keypoints, and the body.</p>" + _image(path, f"{kind} fits"),
        )
        for kind, path in sheets.items()
    ]


def _tables(evaluation: Evaluation) -> list[str]:
    """All tables except those of lines, which are long."""
    lines = {chart.table for chart in evaluation.charts.values() if chart.lines}
    sections = []
    for title, table in evaluation.tables.items():
        if title in lines or not table:
            continue
        columns = list(next(iter(table.values())))
        rows = [[row, *(f"{cells[c]:.3f}" for c in columns)] for row, cells in table.items()]
        sections.append(_section(title, _table(["", *columns], rows)))
    return sections


def _not_fitted(evaluation: Evaluation, summary: dict[str, Any]) -> str:
    cases = zip(evaluation.cases, evaluation.fitted, strict=True)
    lost = [name for name, fitted in cases if not fitted]
    reasons = {
        Path(entry["source"]).stem: entry["reason"].removeprefix(f"{entry['source']}: ")
        for entry in summary["inputs"]
        if entry["status"] != "fitted"
    }
    rows = [[name, reasons.get(name, "")] for name in lost[:_MOST_NAMES]]
    more = f"<p>and {len(lost) - len(rows)} more</p>" if len(lost) > len(rows) else ""
    return _table(["case", "why"], rows) + more if rows else ""


def _times(summary: dict[str, Any], jobs: list[Job], seconds: float) -> str:
    """Times of this run, and how long everything took when it was computed."""
    totals: dict[str, float] = {}
    for job in jobs:
        for stage, artefact in job.results.items():
            totals[stage] = totals.get(stage, 0.0) + artefact.seconds
    rows = [
        [stage, f"{summary['seconds_computing'][stage]:.1f}", f"{total:.1f}"]
        for stage, total in totals.items()
    ]
    table = _table(["stage", "s in this run", "s when it was computed"], rows)
    return f"{table}<p>The whole run took {seconds:.1f} s before this page was drawn.</p>"


def _table(titles: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _image(path: Path, title: str) -> str:
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(title)}" src="data:image/{kind};base64,{content}">'
