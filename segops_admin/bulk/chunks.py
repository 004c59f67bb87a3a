"""Rows cut into request bodies: by count, by encoded bytes, each row encoded once in the common case.

A batch is encoded whole; only when that body is too large, or a row in it has no JSON form, is it taken apart row by
row. Inside a chunk the last row of a sku wins. The cut depends on nothing but the rows and the limits, so that an
import that is taken up again makes the same chunks.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import attrs
import orjson

from ..core import codec
from ..errors import SegOpsInputError
from ..records.bulk import FailedRow
from .rows import Unreadable

if TYPE_CHECKING:
    from ..records.base import JSON

OPEN, CLOSE = b'{"products":[', b"]}"


@attrs.frozen(kw_only=True)
class Chunk:
    """Rows on their way in one request."""

    first: int
    """Place of the first row it takes up, from 0."""
    rows: int
    """How many rows of the source it takes up, refused and replaced ones included."""
    places: Sequence[int]
    """Place in the source of each row sent."""
    skus: frozenset[str]
    body: bytes
    """The rows sent, encoded; the caller's own are let go, so that what is in flight does not fill the memory."""
    refused: list[FailedRow] = attrs.field(factory=list[FailedRow])
    """Rows that could not be sent."""
    replaced: int = 0
    """Rows that a later row of the same sku in this chunk replaced."""

    @cached_property
    def products(self) -> list[JSON]:
        """The rows sent, read back; asked for only when the server objects to some."""
        return cast("list[JSON]", orjson.loads(self.body)["products"])

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(self.body).digest()

    def key(self, identity: str) -> str:
        """Return the idempotency key: the same for the same import, place and content, after a restart too."""
        digest = hashlib.sha256(f"{identity}\n{self.first}\n".encode() + self._digest).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))

    def halves(self) -> list[Chunk]:
        """Cut the rows sent in two."""
        middle = len(self.places) // 2
        return [self._part(slice(None, middle)), self._part(slice(middle, None))]

    def without(self, blamed: set[int]) -> Chunk:
        """Leave out the rows at these positions of the request."""
        kept = [position for position in range(len(self.places)) if position not in blamed]
        return _chunk([self.places[position] for position in kept], [self.products[position] for position in kept])

    def _part(self, part: slice) -> Chunk:
        return _chunk(self.places[part], self.products[part])


def _chunk(places: Sequence[int], products: Sequence[Mapping[str, Any]]) -> Chunk:
    return Chunk(
        first=places[0] if places else 0,
        rows=len(places),
        places=places,
        skus=frozenset([sku_of(product) for product in products]),
        body=_body([codec.encode(product) for product in products]),
    )


def cut(batch: list[Any], first: int, max_bytes: int) -> Iterator[Chunk]:
    """Make the chunks of a batch: one, or more where its body would exceed `max_bytes`."""
    chosen = _choose(batch, first)
    body = _encoded_whole(chosen.products)
    if body is not None and len(body) <= max_bytes:
        yield Chunk(
            first=first,
            rows=len(batch),
            places=chosen.places,
            skus=frozenset(chosen.skus),
            body=body,
            refused=chosen.refused,
            replaced=chosen.replaced,
        )
        return
    yield from _cut_row_by_row(batch, first, chosen, max_bytes)


@attrs.define
class _Chosen:
    """The rows of a batch to send: those that are mappings with a sku, of each sku the last."""

    places: Sequence[int]
    skus: Collection[str]
    products: Sequence[Mapping[str, Any]]
    refused: list[FailedRow] = attrs.field(factory=list[FailedRow])
    replaced: int = 0


def _choose(batch: list[Any], first: int) -> _Chosen:
    try:
        skus = {row["sku"] for row in batch}
        joined = "\0".join(skus)  # refuses what is no text
    except (KeyError, TypeError, IndexError):
        return _choose_one_by_one(batch, first)
    is_plain = joined.split() == [joined] or all(sku == sku.strip() for sku in skus)
    if is_plain and len(skus) == len(batch) and "" not in skus:
        return _Chosen(range(first, first + len(batch)), skus, batch)
    return _choose_one_by_one(batch, first)


def _choose_one_by_one(batch: list[Any], first: int) -> _Chosen:
    latest: dict[str, tuple[int, Mapping[str, Any]]] = {}
    refused: list[FailedRow] = []
    replaced = 0
    for place, row in enumerate(batch, first):
        problem = _problem(row)
        if problem is not None:
            refused.append(FailedRow(index=place, sku=None, reason=problem))
            continue
        replaced += latest.pop(sku_of(row), None) is not None
        latest[sku_of(row)] = (place, row)
    places, products = [place for place, _ in latest.values()], [row for _, row in latest.values()]
    return _Chosen(places, latest, products, refused, replaced)


def sku_of(product: Mapping[str, Any]) -> str:
    """Return what the server knows a row by: an integer is text to it, and spaces around are not looked at."""
    return str(product["sku"]).strip()


def _problem(row: Any) -> str | None:
    if isinstance(row, Unreadable):
        return row.reason
    if not isinstance(row, Mapping):
        return f"a row must be a dictionary, not {type(row).__name__}"
    sku = cast("Mapping[str, Any]", row).get("sku")
    if sku is None or (isinstance(sku, str) and not sku.strip()):
        return "sku is required"
    if isinstance(sku, bool) or not isinstance(sku, (str, int)):
        return f"sku must be text or an integer, not {sku!r:.50}"
    return None


def _encoded_whole(products: Sequence[Any]) -> bytes | None:
    """Encode all rows at once; None when one of them has no JSON form."""
    try:
        return codec.encode({"products": products})
    except SegOpsInputError:
        return None


def _cut_row_by_row(batch: list[Any], first: int, chosen: _Chosen, max_bytes: int) -> Iterator[Chunk]:
    groups: list[list[tuple[int, str, bytes]]] = [[]]
    size = 0
    for place, product in zip(chosen.places, chosen.products, strict=True):
        sku = sku_of(product)
        try:
            encoded = codec.encode(product)
        except SegOpsInputError as error:
            chosen.refused.append(FailedRow(index=place, sku=sku, reason=str(error)))
            continue
        if groups[-1] and size + len(encoded) + 1 > max_bytes - len(OPEN) - len(CLOSE):
            groups.append([])
            size = 0
        groups[-1].append((place, sku, encoded))
        size += len(encoded) + 1
    chosen.refused.sort(key=lambda row: row.index)
    yield from _grouped(groups, first, first + len(batch), chosen)


def _grouped(groups: list[list[tuple[int, str, bytes]]], first: int, end: int, chosen: _Chosen) -> Iterator[Chunk]:
    """Make a chunk of each group; what was refused and replaced is told with the first of them."""
    starts = [first, *(group[0][0] for group in groups[1:]), end]
    for number, group in enumerate(groups):
        yield Chunk(
            first=starts[number],
            rows=starts[number + 1] - starts[number],
            places=[place for place, _, _ in group],
            skus=frozenset([sku for _, sku, _ in group]),
            body=_body([encoded for _, _, encoded in group]),
            refused=chosen.refused if number == 0 else [],
            replaced=chosen.replaced if number == 0 else 0,
        )


def _body(rows: list[bytes]) -> bytes:
    return OPEN + b",".join(rows) + CLOSE
