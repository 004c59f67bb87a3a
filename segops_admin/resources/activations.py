"""Activations: connectors that push a segment's members to another platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from typing_extensions import Unpack

from .. import jobs
from ..core.request import Repeat, Request, merged, path
from ..errors import SegOpsInputError
from ..records.activations import MASK, Activation, ActivationFields
from ..records.base import is_array, is_object
from ..records.jobs import JobStart
from .base import AsyncCollection


class AsyncActivations(AsyncCollection[Activation]):
    """Connectors from segments to platforms."""

    _collection = ("activations",)
    _kind = Activation

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ActivationFields],
    ) -> Activation:
        """Create a connector and return it; it is `inactive` until its status is updated to `active`.

        Compute the segment before activating: an empty one empties the audience outside. A config that holds a masked
        secret (`***`) is refused with SegOpsInputError: it was read from another connector and is not the secret.
        Source: segops-api.md 13.3 [docs].
        """
        body = merged(body, fields)
        masked = _masked_places(body.get("config"), "config")
        if masked:
            raise SegOpsInputError(f"{', '.join(masked)} reads {MASK!r}, which is a mask. Give the secret itself.")
        return await self._create(body, {}, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: Literal["PATCH", "PUT"] = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ActivationFields],
    ) -> Activation:
        """Change a connector and return it: activate or pause it, or give it a new config.

        Masked secrets (`***`) in the config are left out and the rest goes by PATCH, so that writing back what was read
        keeps what is stored.
        Source: segops-api.md 13.3 [docs]; whether a config is merged is not documented.
        """
        body = merged(body, fields)
        if _masked_places(body.get("config"), "config"):
            body["config"] = without_masks(body["config"])
            method = "PATCH"
        return await self._update(id, body, method, {}, idempotency_key)

    async def sync(self, id: int, *, idempotency_key: str | None = None) -> JobStart:
        """Start pushing what has changed in the segment, and return the server's word for it.

        Source: segops-api.md 13.3 [docs]; the answer [inferred].
        """
        where = path("activations", id, "sync")
        return await self._call(
            Request("POST", where, idempotency_key=idempotency_key, repeat=Repeat.HARMLESS), JobStart
        )

    async def sync_and_wait(
        self, id: int, *, timeout: float = 120.0, on_progress: Callable[[Activation], Any] | None = None
    ) -> Activation:
        """Push what has changed in the segment and return the connector once it is done.

        timeout: seconds for everything. on_progress: called with the connector at every look.
        Raises SegOpsJobError when the platform refuses (with its `last_error`) or the time is up.
        Source: segops-api.md 6 and 13.4 [docs].
        """
        async with jobs.time_limit(f"The sync of activation {id}", timeout) as watch:
            before = await self.get(id)
            failed = jobs.failed_since(before, lambda now: (now.status, now.last_error, now.updated_at))
            await self.sync(id)
            return await jobs.wait(
                watch,
                lambda: self.get(id),
                done=lambda now: (
                    now.last_synced_at not in (None, before.last_synced_at) and not jobs.failed(now.status)
                ),
                failure=lambda now: (now.last_error or "") if failed(now) else None,
                first_wait_s=self._call.config.poll_interval_s,
                on_progress=on_progress,
            )


def without_masks(config: Any) -> Any:
    """Return a config without its masked secrets, at any depth."""
    if is_object(config):
        return {name: without_masks(value) for name, value in config.items() if value != MASK}
    return [without_masks(value) for value in config if value != MASK] if is_array(config) else config


def _masked_places(config: Any, where: str) -> list[str]:
    if is_object(config):
        return [place for name, value in config.items() for place in _masked_places(value, f"{where}.{name}")]
    if is_array(config):
        return [place for at, value in enumerate(config) for place in _masked_places(value, f"{where}[{at}]")]
    return [where] if config == MASK else []
