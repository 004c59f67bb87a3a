"""Event schemas: what each type of event should look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from typing_extensions import Unpack

from ..core.request import Repeat, Request, path
from ..errors import SegOpsInputError
from ..records.schemas import EventSchema, InferredSchema, SchemaFields, SchemaValidation
from .base import AsyncCollection


class AsyncSchemas(AsyncCollection[EventSchema]):
    """The registry of event schemas."""

    _collection = ("schemas",)
    _kind = EventSchema

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[SchemaFields],
    ) -> EventSchema:
        """Register a schema and return it. From then on, events in batches that break it are dropped as `skipped`.

        Source: segops-api.md 12 [sdk]; the effect [docs].
        """
        return await self._create(body, fields, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: Literal["PATCH", "PUT"] = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[SchemaFields],
    ) -> EventSchema:
        """Change a schema and return it.

        Source: segops-api.md 12 [sdk].
        """
        return await self._update(id, body, method, fields, idempotency_key)

    async def infer(
        self,
        body: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        /,
        *,
        events: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> InferredSchema:
        """Return what sample events look like; its `properties` are good for a `create`.

        body: the events, or a dictionary with `events`. Each event is a whole one: `user_id`, `event_type`, `payload`.
        Source: segops-api.md 12 [sdk], [usage]; the answer's shape [inferred].
        """
        samples = {"events": body if body is not None else events}
        given = body if isinstance(body, Mapping) else samples
        request = Request(
            "POST",
            path("schemas", "infer"),
            body=given,
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, InferredSchema)

    async def validate(
        self,
        event_type: str | Mapping[str, Any],
        payload: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> SchemaValidation:
        """Return whether a payload keeps to its event type's schema.

        event_type: its name, or a dictionary with `event_type` and `payload`.
        Source: segops-api.md 12 [sdk]; the answer's shape and that for an unknown type [inferred].
        """
        if isinstance(event_type, str) and payload is None:
            raise SegOpsInputError("validate() needs a payload beside the event type.")
        body = {"event_type": event_type, "payload": payload} if isinstance(event_type, str) else event_type
        request = Request(
            "POST",
            path("schemas", "validate"),
            body=body,
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, SchemaValidation)
