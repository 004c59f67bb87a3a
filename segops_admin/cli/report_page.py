"""One self-contained HTML page out of the workspace's figures: numbers, three charts, and the connectors as a table.

Charts are plotly's, whose script is written into the page once. All names come from the workspace and are escaped; the
page's own policy forbids it to load anything from anywhere.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..records.analytics import ConnectorHealth, Overlap, Overview, SegmentTrend

charts: Any = import_module("plotly.graph_objects")  # an extra without types
offline: Any = import_module("plotly.offline")

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2433; background: #f6f7f9; margin: 0 auto; max-width: 1100px;
  padding: 2rem 1rem; }
h1 { margin: 0; } h2 { margin: 2.5rem 0 .5rem; } .from { color: #5d677a; margin: 0 0 1.5rem; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 1rem; }
.tile, .chart, table { background: #fff; border: 1px solid #e1e5eb; border-radius: 8px; }
.tile { padding: 1rem; } .tile b { display: block; font-size: 1.8rem; } .tile span { color: #5d677a; }
.chart { overflow: hidden; } .chart + table { margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .5rem .75rem; }
tr + tr { border-top: 1px solid #e1e5eb; } td { overflow-wrap: anywhere; }
.bad { color: #b3261e; } .good { color: #1b7f3b; } .idle { color: #5d677a; }
@media (max-width: 640px) {
  body { padding: 1rem .5rem; } h2 { font-size: 1.2rem; } .tiles { grid-template-columns: 1fr 1fr; gap: .5rem; }
  tr:first-child { display: none; } tr, td { display: block; } tr { padding: .5rem 0; }
  td { padding: .1rem .75rem; } td::before { content: attr(title) ": "; color: #5d677a; } td:empty { display: none; }
}
"""

COLOURS = {"active": "good", "error": "bad"}
"""How a connector's status looks; what is neither, as one that is paused, is idle."""

SHORT_CHARS = 24
"""Longest name beside a chart; the whole one shows under the pointer."""
MARGIN = {"l": 48, "r": 16, "t": 16, "b": 40}
HEIGHT = 420
ROW_HEIGHT = 36


class Figures(NamedTuple):
    """What the page shows."""

    root: str
    overview: Overview
    segments: Sequence[SegmentTrend]
    overlaps: Sequence[Overlap]
    connectors: Sequence[ConnectorHealth]


def page(figures: Figures) -> str:
    """Return the whole page."""
    written = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    names = _names(figures)
    parts = [
        _tiles(figures.overview),
        "<h2>Members over the last 30 days</h2>",
        _trends(figures.segments, names),
        "<h2>Overlap of segments, % of the smaller one</h2>",
        _overlap(figures.overlaps, names),
        "<h2>Successful syncs of each connector, % of the last 30</h2>",
        _success(figures.connectors, names),
        _connectors(figures.connectors, names),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>SegOps report</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n<script>{offline.get_plotlyjs()}</script></head>\n<body><h1>SegOps report</h1>\n"
        f'<p class="from">{escape(figures.root)}, {written}</p>\n' + "\n".join(parts) + "\n</body></html>\n"
    )


def _names(figures: Figures) -> dict[int | None, str]:
    """Return what each segment is called on the page: its name, after the id where several have the same."""
    names: dict[int | None, str | None] = {
        connector.segment_id: connector.segment_name for connector in figures.connectors
    }
    for pair in figures.overlaps:
        names |= {pair.seg_a_id: pair.seg_a_name, pair.seg_b_id: pair.seg_b_name}
    names |= {segment.id: segment.name for segment in figures.segments}
    count = Counter(names.values())
    called: dict[int | None, str] = {}
    for number, name in names.items():
        if not name:
            called[number] = "no segment" if number is None else f"#{number}"
        else:
            called[number] = f"#{number} {name}" if count[name] > 1 else name
    return called


def _tiles(overview: Overview) -> str:
    limit = overview.ai_credits_limit
    credits_of = "unlimited" if limit == -1 else f"of {limit or 0:,}"
    tiles = [
        (overview.segment_count, "segments"),
        (overview.total_members, "members in all segments"),
        (overview.events_30d, "events in 30 days"),
        (overview.ai_credits_used, f"AI credits used, {credits_of}"),
    ]
    cells = [f'<div class="tile"><b>{value or 0:,}</b><span>{escape(what)}</span></div>' for value, what in tiles]
    return f'<div class="tiles">{"".join(cells)}</div>'


def _trends(segments: Sequence[SegmentTrend], names: Mapping[int | None, str]) -> str:
    lines = [
        charts.Scatter(
            x=[point.day.isoformat() for point in segment.trend or [] if point.day],
            y=[point.count for point in segment.trend or [] if point.day],
            name=_short(names[segment.id]),
            hovertemplate=f"%{{x}}: %{{y}}<extra>{escape(names[segment.id])}</extra>",
            mode="lines+markers",
        )
        for segment in segments
        if segment.trend
    ]
    return _chart(
        "trends",
        lines,
        "No segment has been computed for two days yet.",
        height=HEIGHT + 10 * len(lines),
        showlegend=True,
        legend={"orientation": "h", "y": -0.12, "yanchor": "top"},
        xaxis={"tickformat": "%-d %b", "nticks": 8},
        yaxis={"rangemode": "tozero"},
    )


def _overlap(overlaps: Sequence[Overlap], names: Mapping[int | None, str]) -> str:
    """Draw a heat map whose columns have their rows' numbers, so that long names take room on one side only."""
    found = list(dict.fromkeys(number for pair in overlaps for number in (pair.seg_a_id, pair.seg_b_id)))
    shares: dict[tuple[int, int], float] = {}
    for pair in overlaps:
        shares[pair.seg_a_id, pair.seg_b_id] = shares[pair.seg_b_id, pair.seg_a_id] = pair.overlap_pct or 0.0
    places = list(range(len(found)))
    heat = charts.Heatmap(
        z=[[100.0 if one == other else shares.get((one, other)) for other in found] for one in found],
        x=places,
        y=places,
        customdata=[[f"{escape(names[one])}<br>{escape(names[other])}" for other in found] for one in found],
        hovertemplate="%{customdata}<br>%{z:.1f} %<extra></extra>",
        texttemplate="%{z:.0f}",
        colorscale="Blues",
        zmin=0,
        zmax=100,
        xgap=1,
        ygap=1,
        showscale=False,
    )
    rows = [f"{_short(names[number])}  {place + 1}" for place, number in enumerate(found)]
    return _chart(
        "overlap",
        [heat] if found else [],
        "No two segments share members.",
        height=ROW_HEIGHT * len(found) + 48,
        margin={**MARGIN, "t": 32, "b": 16},
        xaxis={"tickvals": places, "ticktext": [place + 1 for place in places], "showgrid": False, "side": "top"},
        yaxis={"tickvals": places, "ticktext": rows, "autorange": "reversed", "showgrid": False, "automargin": True},
    )


def _success(connectors: Sequence[ConnectorHealth], names: Mapping[int | None, str]) -> str:
    told = [connector for connector in connectors if connector.success_rate is not None]
    rates = [connector.success_rate or 0.0 for connector in told]
    whole = [f"{connector.connector_type or ''}, {names[connector.segment_id]}" for connector in told]
    places = list(range(len(told)))
    bars = charts.Bar(
        x=rates,
        y=places,
        orientation="h",
        text=[f"{rate:.0f} %" for rate in rates],
        customdata=[escape(name) for name in whole],
        hovertemplate="%{customdata}: %{x} %<extra></extra>",
        marker={"color": ["#1b7f3b" if rate >= 95 else "#c77700" if rate >= 50 else "#b3261e" for rate in rates]},
    )
    return _chart(
        "connectors",
        [bars] if told else [],
        "No connector has synced yet.",
        height=ROW_HEIGHT * len(told) + 56,
        xaxis={"range": [0, 100]},
        yaxis={
            "tickvals": places,
            "ticktext": [_short(name) for name in whole],
            "autorange": "reversed",
            "automargin": True,
        },
    )


def _connectors(connectors: Sequence[ConnectorHealth], names: Mapping[int | None, str]) -> str:
    if not connectors:
        return ""
    heads = ("Connector", "Segment", "Status", "Last sync", "Last error")
    rows = ["".join(f"<th>{head}</th>" for head in heads)]
    for connector in connectors:
        cells = (
            escape(connector.connector_type or ""),
            escape(names[connector.segment_id]),
            _status(connector),
            connector.last_synced_at.strftime("%Y-%m-%d %H:%M") if connector.last_synced_at else "never",
            escape(connector.last_error or ""),
        )
        rows.append("".join(f'<td title="{head}">{cell}</td>' for head, cell in zip(heads, cells, strict=True)))
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _status(connector: ConnectorHealth) -> str:
    status = connector.status or ""
    look = "bad" if connector.last_error else COLOURS.get(status, "idle")
    return f'<span class="{look}">{escape(status)}</span>'


def _chart(name: str, traces: Sequence[Any], otherwise: str, **layout: Any) -> str:
    if not traces:
        return f"<p>{otherwise}</p>"
    figure = charts.Figure(data=list(traces))
    figure.update_layout(**{"margin": MARGIN, "template": "plotly_white", **layout})
    drawn: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displayModeBar": False, "responsive": True}
    )
    return f'<div class="chart">{drawn}</div>'


def _short(name: str) -> str:
    return escape(name if len(name) <= SHORT_CHARS else f"{name[: SHORT_CHARS - 1]}…")
