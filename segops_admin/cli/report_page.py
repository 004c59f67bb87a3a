"""One self-contained HTML page out of the workspace's figures: numbers, three charts, and the connectors as a table.

Charts are plotly's, whose script is written into the page once. All names come from the workspace and are escaped.
"""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..records.analytics import ConnectorHealth, Overlap, Overview, SegmentTrend

charts: Any = import_module("plotly.graph_objects")  # an extra without types
offline: Any = import_module("plotly.offline")

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1d2433; background: #f6f7f9; margin: 0 auto; max-width: 1100px;
  padding: 2rem 1rem; }
h1 { margin: 0; } h2 { margin: 2.5rem 0 .5rem; } .from { color: #5d677a; margin: 0 0 1.5rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 1rem; }
.tile, .chart, table { background: #fff; border: 1px solid #e1e5eb; border-radius: 8px; }
.tile { padding: 1rem; } .tile b { display: block; font-size: 1.8rem; } .tile span { color: #5d677a; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .5rem .75rem; }
tr + tr { border-top: 1px solid #e1e5eb; } .bad { color: #b3261e; } .good { color: #1b7f3b; }
"""

MARGIN = {"l": 60, "r": 20, "t": 20, "b": 60}


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
    parts = [
        _tiles(figures.overview),
        "<h2>Members over the last 30 days</h2>",
        _trends(figures.segments),
        "<h2>Overlap of segments, % of the smaller one</h2>",
        _overlap(figures.overlaps),
        "<h2>Connectors</h2>",
        _success(figures.connectors),
        _connectors(figures.connectors),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>SegOps report</title>\n'
        f"<style>{STYLE}</style>\n<script>{offline.get_plotlyjs()}</script></head>\n<body><h1>SegOps report</h1>\n"
        f'<p class="from">{escape(figures.root)}, {written}</p>\n' + "\n".join(parts) + "\n</body></html>\n"
    )


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


def _trends(segments: Sequence[SegmentTrend]) -> str:
    lines = [
        charts.Scatter(
            x=[point.day.isoformat() for point in segment.trend or [] if point.day],
            y=[point.count for point in segment.trend or [] if point.day],
            name=_label(segment.name, segment.id),
            mode="lines+markers",
        )
        for segment in segments
        if segment.trend
    ]
    return _chart("trends", lines, "No segment has been computed for two days yet.", yaxis={"rangemode": "tozero"})


def _overlap(overlaps: Sequence[Overlap]) -> str:
    names: dict[int, str] = {}
    shares: dict[tuple[int, int], float] = {}
    for pair in overlaps:
        names[pair.seg_a_id] = _label(pair.seg_a_name, pair.seg_a_id)
        names[pair.seg_b_id] = _label(pair.seg_b_name, pair.seg_b_id)
        shares[pair.seg_a_id, pair.seg_b_id] = shares[pair.seg_b_id, pair.seg_a_id] = pair.overlap_pct or 0.0
    rows = [[100.0 if one == other else shares.get((one, other)) for other in names] for one in names]
    labels = list(names.values())
    heat = charts.Heatmap(z=rows, x=labels, y=labels, colorscale="Blues", zmin=0, zmax=100, texttemplate="%{z:.0f}")
    return _chart(
        "overlap",
        [heat] if rows else [],
        "No two segments share members.",
        xaxis={"type": "category"},
        yaxis={"type": "category"},
    )


def _success(connectors: Sequence[ConnectorHealth]) -> str:
    told = [connector for connector in connectors if connector.success_rate is not None]
    rates = [connector.success_rate or 0.0 for connector in told]
    bars = charts.Bar(
        x=rates,
        y=[
            f"{escape(connector.connector_type or '')} {_label(connector.segment_name, connector.id)}"
            for connector in told
        ],
        orientation="h",
        marker={"color": ["#1b7f3b" if rate >= 95 else "#c77700" if rate >= 50 else "#b3261e" for rate in rates]},
    )
    axis = {"range": [0, 100], "title": {"text": "successful syncs of the last 30, %"}}
    return _chart(
        "connectors", [bars] if told else [], "No connector has synced yet.", xaxis=axis, yaxis={"automargin": True}
    )


def _connectors(connectors: Sequence[ConnectorHealth]) -> str:
    if not connectors:
        return ""
    rows = [
        "<tr>"
        + "".join(
            f"<td>{cell}</td>"
            for cell in (
                escape(connector.connector_type or ""),
                escape(connector.segment_name or ""),
                f'<span class="{"bad" if connector.last_error else "good"}">{escape(connector.status or "")}</span>',
                connector.last_synced_at.strftime("%Y-%m-%d %H:%M") if connector.last_synced_at else "never",
                escape(connector.last_error or ""),
            )
        )
        + "</tr>"
        for connector in connectors
    ]
    heads = "".join(f"<th>{head}</th>" for head in ("Connector", "Segment", "Status", "Last sync", "Last error"))
    return f"<table><tr>{heads}</tr>{''.join(rows)}</table>"


def _chart(name: str, traces: Sequence[Any], otherwise: str, **layout: Any) -> str:
    if not traces:
        return f"<p>{otherwise}</p>"
    figure = charts.Figure(data=list(traces))
    figure.update_layout(margin=MARGIN, template="plotly_white", height=420, **layout)
    drawn: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displaylogo": False, "responsive": True}
    )
    return f'<div class="chart">{drawn}</div>'


def _label(name: str | None, number: int) -> str:
    return escape(name or f"#{number}")
