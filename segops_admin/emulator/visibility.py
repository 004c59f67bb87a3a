"""The figures of AI visibility, worked out from stored results (sheet, section 17.4).

Mention rate: share of results that name the own brand. Average position: its mean rank where named. Share of voice:
its share of all brand mentions. Sentiment score: mean over the results that name it, positive 1, neutral 0.5,
negative 0. Without data rates are 0 and means null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segops_admin.emulator.answers import Brand

_SENTIMENTS = {"positive": 1.0, "neutral": 0.5, "negative": 0.0}


@frozen
class Finding:
    """One stored result, as far as the figures need it."""

    provider: str
    day: str
    position: int | None
    """The own brand's rank; None when it is not named."""
    sentiment: str
    brands: tuple[tuple[str, int], ...]
    """Name and rank of every brand named, the own one included."""


def figures(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the figures over some results."""
    named = [item for item in findings if item.position is not None]
    mentions = sum(len(item.brands) for item in findings)
    return {
        "total_results": len(findings),
        "mention_rate": _ratio(len(named), len(findings)) or 0,
        "avg_position": _ratio(sum(item.position or 0 for item in named), len(named)),
        "share_of_voice": _ratio(len(named), mentions) or 0,
        "sentiment_score": _ratio(sum(_SENTIMENTS[item.sentiment] for item in named), len(named)),
    }


def grouped(findings: Sequence[Finding], label: str, key: Callable[[Finding], str]) -> list[dict[str, Any]]:
    """Return the figures of each group, in order of its key, which stands under `label`."""
    groups: dict[str, list[Finding]] = {}
    for item in findings:
        groups.setdefault(key(item), []).append(item)
    return [{label: name, **figures(groups[name])} for name in sorted(groups)]


def win_rate(findings: Sequence[Finding], rival: Brand) -> dict[str, Any]:
    """Return how often the own brand ranks ahead of a competitor; results naming neither do not count."""
    wins = losses = ties = 0
    for item in findings:
        theirs = min((rank for name, rank in item.brands if rival.is_called(name)), default=None)
        if item.position is None and theirs is None:
            continue
        if theirs is None or (item.position is not None and item.position < theirs):
            wins += 1
        elif item.position is None or theirs < item.position:
            losses += 1
        else:
            ties += 1
    return {"wins": wins, "losses": losses, "ties": ties, "win_rate": _ratio(wins, wins + losses + ties)}


def _ratio(part: float, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
