"""What a dry run prints: the request as it would go out, without its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from .forms import PRETTY, dump
from .masking import masked, without_secrets

if TYPE_CHECKING:
    from ..core.transport import Outgoing

SHOWN_BYTES = 10_000


def show_request(outgoing: Outgoing) -> None:
    """Print method, address, headers and body on stdout, and on stderr that nothing was sent."""
    lines = [f"{outgoing.method} {outgoing.url}"]
    for name, value in outgoing.headers.items():
        if name == "Idempotency-Key":
            value = "<new for each call>"  # noqa: PLW2901 -- shown in place of the real one
        lines.append(f"{name}: {'ApiKey sk_…' if name == 'Authorization' else value}")
    click.echo(masked("\n".join(lines)))
    if outgoing.body is not None:
        click.echo("\n" + masked(_shown(outgoing.body)))
    click.echo("Dry run: nothing was sent. Calls that would follow depend on the answer.", err=True)


def _shown(body: bytes) -> str:
    try:
        return dump(without_secrets(orjson.loads(body)), options=PRETTY).decode()
    except orjson.JSONDecodeError:
        pass  # a form
    text = body[:SHOWN_BYTES].decode("utf-8", "replace").replace("\r\n", "\n").rstrip()
    return text if len(body) <= SHOWN_BYTES else f"{text}\n… {len(body):,} bytes in all"
