"""Rows cut into request bodies: by count, by encoded bytes, each row encoded once in the common case.

Rows are encoded by the handful and put together; only when that body is too large, or a row in it needs a closer look,
is the chunk taken apart row by row. Inside a chunk the last row of a sku wins. The cut depends on nothing but the rows
and the limits, so that an import that is taken up again makes the same chunks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from operator import itemgetter, lt
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

    identity: str
    """Names the import."""
    first: int
    """Place of the first row it takes up, from 0."""
    rows: int
    """How many rows of the source it takes up, refused and replaced ones included."""
    places: Sequence[int]
    """Place in the source of each row sent."""
    skus: list[str]
    """Of each row sent, all different."""
    ascends: bool = False
    """Whether its skus are known to be in order."""
    body: bytes = attrs.field(repr=False)
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
    def key(self) -> str:
        """The idempotency key, in the form of a UUID: the same for the same import, place and content, always."""
        named = hashlib.sha256(f"{self.identity}\n{self.first}\n".encode())
        named.update(self.body)
        digits = named.hexdigest()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"

    def halves(self) -> list[Chunk]:
        """Cut the rows sent in two."""
        middle = len(self.places) // 2
        return [
            self._part(self.places[:middle], self.products[:middle]),
            self._part(self.places[middle:], self.products[middle:]),
        ]

    def without(self, blamed: set[int]) -> Chunk:
        """Leave out the rows at these positions of the request."""
        kept = [position for position in range(len(self.places)) if position not in blamed]
        return self._part([self.places[position] for position in kept], [self.products[position] for position in kept])

    def _part(self, places: Sequence[int], products: Sequence[Mapping[str, Any]]) -> Chunk:
        return Chunk(
            identity=self.identity,
            first=places[0] if places else 0,
            rows=len(places),
            places=places,
            skus=[sku_of(product) for product in products],
            body=_body([codec.encode(product) for product in products]),
        )


class Cutter:
    """Makes chunks of rows that come by the handful. A handful is encoded at once and let go: rows die young.

    What cannot be taken so (a row without a sku, one that comes twice, one without a JSON form, too many bytes) has its
    chunk's rows looked at one by one.
    """

    def __init__(self, identity: str, chunk_size: int, max_bytes: int) -> None:
        self._identity = identity
        self._chunk_size = chunk_size
        self._max_bytes = max_bytes
        self._begin(0)

    def _begin(self, first: int) -> None:
        self._first = first
        self._rows = 0
        self._skus: list[str] = []
        self._encoded: list[bytes] = []
        self._loose: list[Any] | None = None

    def add(self, rows: list[Any]) -> Iterable[Chunk]:
        """Take rows in, no more than the chunk has room for; return the chunks they complete, mostly none or one."""
        self._rows += len(rows)
        if self._loose is not None:
            self._loose += rows
        elif not self._take(rows):
            self._loose = [*self._products(), *rows]
        return self.close() if self._rows == self._chunk_size else ()

    def close(self) -> Iterable[Chunk]:
        """Return the chunks of what has been taken in since the last one."""
        if not self._rows:
            return ()
        chunk = self._whole() if self._loose is None else None
        chunks = self._cut_one_by_one() if chunk is None else (chunk,)
        self._begin(self._first + self._rows)
        return chunks

    def _take(self, rows: list[Any]) -> bool:
        """Take rows in as they are; False when some of them need a closer look."""
        try:
            self._skus += map(str.strip, map(SKU, rows))  # refuses what is no text
            self._encoded.append(codec.encode(rows))
        except (KeyError, TypeError, IndexError, SegOpsInputError):
            return False
        return True

    def _products(self) -> list[Any]:
        """Read back what has been encoded."""
        return [row for rows in self._encoded for row in orjson.loads(rows)]

    def _whole(self) -> Chunk | None:
        """Make one chunk of all rows as they are; None when they are too large, or some need a closer look."""
        skus = self._skus
        ascends = all(map(lt, skus, islice(skus, 1, None)))
        body = _body([memoryview(rows)[1:-1] for rows in self._encoded])
        if len(body) > self._max_bytes or "" in skus or not (ascends or len(set(skus)) == len(skus)):
            return None
        places = range(self._first, self._first + self._rows)
        return Chunk(
            identity=self._identity,
            first=self._first,
            rows=self._rows,
            places=places,
            skus=skus,
            ascends=ascends,
            body=body,
        )

    def _cut_one_by_one(self) -> list[Chunk]:
        batch = self._products() if self._loose is None else self._loose
        chosen = _choose(batch, self._first)
        body = _encoded_whole(chosen.products)
        if body is not None and len(body) <= self._max_bytes:
            return [
                Chunk(
                    identity=self._identity,
                    first=self._first,
                    rows=self._rows,
                    places=chosen.places,
                    skus=chosen.skus,
                    body=body,
                    refused=chosen.refused,
                    replaced=chosen.replaced,
                )
            ]
        return list(self._grouped(_encoded_by_size(chosen, self._max_bytes), chosen))

    def _grouped(self, groups: list[list[tuple[int, str, bytes]]], chosen: _Chosen) -> Iterator[Chunk]:
        """Make a chunk of each group; what was refused and replaced is told with the first of them."""
        starts = [self._first, *(group[0][0] for group in groups[1:]), self._first + self._rows]
        for number, group in enumerate(groups):
            yield Chunk(
                identity=self._identity,
                first=starts[number],
                rows=starts[number + 1] - starts[number],
                places=[place for place, _, _ in group],
                skus=[sku for _, sku, _ in group],
                body=_body([encoded for _, _, encoded in group]),
                refused=chosen.refused if number == 0 else [],
                replaced=chosen.replaced if number == 0 else 0,
            )


SKU = itemgetter("sku")


@attrs.define
class _Chosen:
    """The rows of a batch to send: those that are mappings with a sku, of each sku the last."""

    places: Sequence[int]
    skus: list[str]
    products: Sequence[Mapping[str, Any]]
    refused: list[FailedRow] = attrs.field(factory=list[FailedRow])
    replaced: int = 0


def _choose(batch: list[Any], first: int) -> _Chosen:
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
    return _Chosen(places, list(latest), products, refused, replaced)


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


def _encoded_by_size(chosen: _Chosen, max_bytes: int) -> list[list[tuple[int, str, bytes]]]:
    """Encode rows one by one, in groups whose bodies are within the limit; what has no JSON form is refused."""
    groups: list[list[tuple[int, str, bytes]]] = [[]]
    size = 0
    for place, sku, product in zip(chosen.places, chosen.skus, chosen.products, strict=True):
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
    return groups


def _body(rows: Iterable[bytes | memoryview]) -> bytes:
    """Write a request's body from encoded rows, one or several in each piece."""
    return b"".join((OPEN, b",".join(rows), CLOSE))
