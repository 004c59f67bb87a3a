"""Stands in for meaning: texts are alike as far as they share words (sheet, section 24, point 11). Pure.

An index keeps the words of a whole catalogue, so that a search looks only at products that share a word, and takes
changes one product at a time.
"""

from __future__ import annotations

import re
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from attrs import define, field, frozen

from segops_admin.emulator.fragment import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

_WORD = re.compile(r"[^\W_]+(?:\.\d+)?")
_FILLERS = frozenset({
    "a", "an", "and", "are", "at", "best", "by", "can", "do", "does", "for", "from", "how", "i", "in", "is",
    "it", "me", "my", "of", "on", "or", "over", "the", "to", "under", "what", "where", "which", "who", "with",
    "you",
})  # fmt: skip
_NAME, _DATA = 1.0, 0.7
"""What a word counts when it stands in the product's name or sku, or only in its data."""


def words(text: str) -> set[str]:
    """Return the words of a text, in lower case."""
    return set(_WORD.findall(text.casefold()))


def asked_words(text: str) -> set[str]:
    """Return the words of a question that say what is wanted; all of them when none does."""
    found = words(text)
    return found - _FILLERS or found


@frozen
class Match:
    """A product found, with its relevance between 0 and 1."""

    product_id: int
    relevance: float


class Text(NamedTuple):
    """What is known of one product; equal texts need no new look. A tuple, since catalogues are compared row by row."""

    title: str
    """Sku and name."""
    data: str
    """The data as JSON text."""


@define
class Index:
    """The words of a catalogue, by product."""

    _texts: dict[int, Text] = field(factory=dict[int, Text])
    _places: dict[str, dict[int, float]] = field(factory=dict[str, "dict[int, float]"])

    def put(self, product_id: int, text: Text) -> None:
        """Take in a product, new or changed."""
        self.drop(product_id)
        for word, weight in _weights(text).items():
            self._places.setdefault(word, {})[product_id] = weight
        self._texts[product_id] = text

    def drop(self, product_id: int) -> None:
        """Forget a product."""
        text = self._texts.pop(product_id, None)
        for word in () if text is None else _weights(text):
            del self._places[word][product_id]

    def knows(self, product_id: int, text: Text) -> bool:
        """Tell whether a product is known with exactly this text."""
        return self._texts.get(product_id) == text

    def ids(self) -> set[int]:
        """Return the products known."""
        return set(self._texts)

    def search(self, text: str, *, within: Container[int] | None = None) -> Matches:
        """Return the products that share a word with the text; relevance is the share of its words they have."""
        asked = asked_words(text)
        scores: dict[int, float] = {}
        for word in sorted(asked):
            for product_id, weight in self._places.get(word, {}).items():
                scores[product_id] = scores.get(product_id, 0.0) + weight
        if within is not None:
            scores = {product_id: score for product_id, score in scores.items() if product_id in within}
        return Matches(scores, len(asked))


@frozen
class Matches:
    """Everything that matched a text."""

    _scores: Mapping[int, float]
    _asked: int

    def __len__(self) -> int:
        return len(self._scores)

    def best(self, limit: int) -> list[Match]:
        """Return the most relevant, best first and by id among equals."""
        ranked = nsmallest(limit, self._scores.items(), key=lambda item: (-item[1], item[0]))
        return [Match(product_id, round(score / self._asked, 4)) for product_id, score in ranked]


def _weights(text: Text) -> dict[str, float]:
    """Return what each word of a product counts."""
    in_data = {word for part in _texts(orjson.loads(text.data)) for word in words(part)}
    return {**dict.fromkeys(in_data, _DATA), **dict.fromkeys(words(text.title), _NAME)}


def _texts(value: Any) -> Iterator[str]:
    """Give every string and number of a JSON value; keys are not what a product is about."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    elif is_list(value) or is_object(value):
        for part in value.values() if is_object(value) else value:
            yield from _texts(part)
