"""What the AI providers answer, from a fixed table: the same brands, products and query always give the same answer.

Brands are named in the places the table gives to the tenant's own brand and to its active competitors, in order of
their ids. The table holds one case of each kind for the win rate: ahead (chatgpt), behind (perplexity), alone
(claude), missing (gemini) and level (grok). Sheet, section 17.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@frozen
class Brand:
    """A name brands go by, and the other names they are called."""

    name: str
    aliases: tuple[str, ...] = ()

    def is_called(self, name: str) -> bool:
        """Tell whether an answer's name means this brand, in any case."""
        return name.casefold() in {known.casefold() for known in (self.name, *self.aliases)}


@frozen
class Answer:
    """One provider's answer to one query."""

    provider: str
    text: str
    brands: tuple[dict[str, Any], ...]
    products: tuple[dict[str, Any], ...]
    position: int | None
    """The own brand's rank, from 1; None when it is not named."""
    sentiment: str


@frozen
class _Place:
    rank: int
    sentiment: str


@frozen
class _Habit:
    """Whom a provider names, where, and in what words."""

    opening: str
    own: _Place | None
    rivals: tuple[_Place, ...]
    nicknames: bool = False
    """Calls competitors by their first alias."""


_HABITS = {
    "chatgpt": _Habit(
        "A good place to start",
        _Place(1, "positive"),
        (_Place(2, "neutral"), _Place(3, "neutral")),
    ),
    "perplexity": _Habit(
        "According to several sources",
        _Place(2, "neutral"),
        (_Place(1, "positive"), _Place(3, "negative")),
        nicknames=True,
    ),
    "claude": _Habit("It depends on what matters to you", _Place(1, "positive"), ()),
    "gemini": _Habit("Here are some options", None, (_Place(1, "positive"), _Place(2, "neutral"))),
    "grok": _Habit("Honestly", _Place(1, "neutral"), (_Place(1, "neutral"),)),
}
PROVIDERS = tuple(_HABITS)


def own_brand(tenant_slug: str) -> Brand:
    """Return the tenant's own brand: its slug in words, since the API has no place to name it."""
    return Brand(tenant_slug.replace("-", " ").replace("_", " ").title(), (tenant_slug,))


def answer(
    provider: str, query_text: str, own: Brand, rivals: Sequence[Brand], products: Iterable[Mapping[str, Any]]
) -> Answer:
    """Return what a provider says; it names the products only where it names the own brand."""
    habit = _HABITS[provider]
    brands = _ranked(habit, own, rivals)
    mine = next((brand for brand in brands if habit.own and brand["name"] == own.name), None)
    shown = [
        {"name": item["name"], "sku": item["sku"], "position": place}
        for place, item in enumerate(products if mine else (), start=1)
    ]
    return Answer(
        provider,
        _text(habit, query_text, brands, shown),
        tuple(brands),
        tuple(shown),
        mine["position"] if mine else None,
        mine["sentiment"] if mine else "neutral",
    )


def _ranked(habit: _Habit, own: Brand, rivals: Sequence[Brand]) -> list[dict[str, Any]]:
    """Name the brands there are, best first; places nobody fills are closed up."""
    names = [rival.aliases[0] if habit.nicknames and rival.aliases else rival.name for rival in rivals]
    placed = [(habit.own, own.name)] if habit.own else []
    placed += list(zip(habit.rivals, names, strict=False))  # there may be fewer competitors than places, or more
    ranks = sorted({place.rank for place, _ in placed})
    return [
        {"name": name, "position": ranks.index(place.rank) + 1, "sentiment": place.sentiment}
        for place, name in sorted(placed, key=lambda item: item[0].rank)
    ]


def _text(
    habit: _Habit, query_text: str, brands: Sequence[Mapping[str, Any]], products: Sequence[Mapping[str, Any]]
) -> str:
    named = "; ".join(f"{brand['position']}. {brand['name']}" for brand in brands) or "nobody in particular"
    text = f'{habit.opening}, asked about "{query_text}": {named}.'
    return f"{text} Worth a look: {', '.join(item['name'] for item in products)}." if products else text


def differences(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """Return, for each brand in lower case, who named it; in order of first mention."""
    found: dict[str, list[str]] = {}
    for item in answers:
        for name in dict.fromkeys(brand["name"].casefold() for brand in item.brands):
            found.setdefault(name, []).append(item.provider)
    return [{"brand_name": name, "mentioned_by": providers} for name, providers in found.items()]
