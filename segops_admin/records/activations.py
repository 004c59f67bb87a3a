"""Activations: connectors that push a segment's members to another platform. Source: segops-api.md 13."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from typing_extensions import TypedDict

from .base import JSON, Id, Record, record

ConnectorType = Literal["klaviyo", "braze", "talonone"] | str
ConnectorStatus = Literal["inactive", "active", "error"] | str

MASK = "***"
"""What the service shows in place of a secret."""


class ActivationFields(TypedDict, total=False):
    """What can be set on a connector."""

    segment: int
    connector_type: ConnectorType
    config: Mapping[str, Any]
    """Fields by connector: segops-api.md 13.2."""
    status: Literal["inactive", "active"]


@record
class Activation(Record):
    """A connector of one segment to one platform. Source: segops-api.md 13.1 [docs]; the last three [inferred]."""

    id: Id
    segment: Id | None = None
    connector_type: ConnectorType | None = None
    config: JSON | None = None
    """Secret values read `***`; writing them back keeps what is stored."""
    status: ConnectorStatus | None = None
    last_synced_at: datetime | None = None
    last_error: str | None = None
    """Empty when all is well."""
    segment_name: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
