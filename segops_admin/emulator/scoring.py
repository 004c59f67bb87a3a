"""A product's AI-readability score (section 11.5), worked out from how its fields are filled.

A deterministic stand-in for the service's own: the same product always scores the same, and filling a field never
lowers it. Each of the four dimensions gives 0 to 25 points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FULL = 25
_KEY_FIELDS = ("description", "price", "category", "brand", "image", "url")
_TEXT_LENGTH = 160
"""Characters of prose from which an answer can be quoted."""
_ACTIONS = {
    "schema_coverage": "Fill the required fields",
    "answer_format": "Describe the product in full sentences",
    "factual_completeness": "Fill the remaining schema fields",
    "ai_visibility_alignment": "Use the words of the name in the description and tags",
}


@frozen
class Score:
    """One scoring of one product."""

    total: float
    dimensions: dict[str, int]
    recommendations: list[dict[str, Any]]


def score_product(name: str, data: Mapping[str, Any], fields: Sequence[Mapping[str, Any]]) -> Score:
    """Score a product against its schema's fields; without a schema its own keys stand in."""
    names = [str(field["name"]) for field in fields] or list(data)
    key_names = [str(field["name"]) for field in fields if field.get("required")] or list(_KEY_FIELDS)
    texts = [value for value in data.values() if isinstance(value, str)]
    dimensions = {
        "schema_coverage": _share(sum(_filled(data.get(key)) for key in key_names), len(key_names)),
        "answer_format": _share(min(len(name) + sum(map(len, texts)), _TEXT_LENGTH), _TEXT_LENGTH),
        "factual_completeness": _share(sum(_filled(data.get(key)) for key in names), len(names)),
        "ai_visibility_alignment": _alignment(name, data),
    }
    return Score(float(sum(dimensions.values())), dimensions, _recommendations(dimensions))


def _filled(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _share(part: int, whole: int) -> int:
    return round(FULL * part / whole) if whole else 0


def _alignment(name: str, data: Mapping[str, Any]) -> int:
    """Rate how many words of the name come back in the data: what assistants look for in a catalogue."""
    words = {word.strip(".,()").casefold() for word in name.split()} - {""}
    body = " ".join(str(value) for value in data.values()).casefold()
    return _share(sum(word in body for word in words), len(words))


def _recommendations(dimensions: Mapping[str, int]) -> list[dict[str, Any]]:
    """Name what is missing, the largest gap first."""
    gaps = sorted(((FULL - points, name) for name, points in dimensions.items() if points < FULL), reverse=True)
    return [
        {
            "dimension": name,
            "action": _ACTIONS[name],
            "estimated_impact": "high" if gap >= 15 else "medium" if gap >= 7 else "low",
            "priority": priority,
        }
        for priority, (gap, name) in enumerate(gaps, start=1)
    ]
