"""`segops-admin webhooks`: receive deliveries on this machine, send signed test deliveries, verify a stored one."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from .app import Words
from .ground import PROGRAM, CommandError
from .masking import keep_secret
from .options import Command, settings, shared_options
from .values import read_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET_VARIABLE = "SEGOPS_WEBHOOK_SECRET"  # noqa: S105 -- a name
SEND_TIMEOUT_S = 10.0
"""As long as the service itself waits for a receiver (segops-api.md 14.2)."""


def _secrets(_: click.Context, param: click.Option, given: Any) -> Any:
    """Keep secrets out of what is shown; options win over the environment."""
    values: Sequence[str] = given if param.multiple else (given or "",)
    known = [keep_secret(value) for value in values if value]
    if not known:
        raise click.UsageError(f"Set {SECRET_VARIABLE}, or give --{param.name}.")
    return known if param.multiple else known[0]


def _secret(*, many: bool) -> click.Option:
    return click.Option(
        ["--secret"],
        multiple=many,
        envvar=SECRET_VARIABLE,
        callback=_secrets,
        metavar="SECRET",
        help=f"The webhook's secret; better in {SECRET_VARIABLE}{', where spaces part several' if many else ''}.",
    )


def _web_address(_: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
        raise click.BadParameter(f"{value!r} is no http(s) address.", param=param)
    return value


def _listen(port: int, host: str, secret: list[str], forward_to: str | None, max_age: float | None) -> None:
    from .receiver import Receiver  # noqa: PLC0415 -- help does without a server

    if settings().dry_run:
        click.echo(f"Dry run: nothing was started; it would listen on {host} port {port}.", err=True)
        return
    with Receiver((host, port), secret, forward_to=forward_to, max_age_s=max_age) as receiver:
        click.echo(f"Listening on http://{host}:{receiver.port}/. Ctrl-C ends it.", err=True)
        receiver.serve()
        click.echo(f"{receiver.accepted} accepted, {receiver.refused} refused.", err=True)


def _send(url: str, secret: str, **fields: Any) -> None:
    from ..webhook import SIGNATURE_HEADER, sign_webhook  # noqa: PLC0415
    from .forms import dump  # noqa: PLC0415
    from .output import show  # noqa: PLC0415
    from .receiver import post  # noqa: PLC0415

    computed_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = dump({"event": "segment.recomputed", **fields, "computed_at": computed_at})
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign_webhook(body, secret)}
    if settings().dry_run:
        lines = [f"POST {url}", *(f"{name}: {value}" for name, value in headers.items()), "", body.decode()]
        click.echo("\n".join(lines))
        click.echo("Dry run: nothing was sent.", err=True)
        return
    status, answer = post(url, body, headers, timeout_s=SEND_TIMEOUT_S)
    if settings().output:
        show({"url": url, "status": status, "answer": answer}, settings())
    else:
        click.echo(f"{url} answered {status}{f': {answer}' if answer else ''}")
    if not 200 <= status < 300:
        raise CommandError(f"The receiver answered {status}; SegOps would not send this delivery again.")


def _verify(file: str, signature: str, secret: list[str], max_age: float | None) -> None:
    from ..webhook import parse_webhook  # noqa: PLC0415
    from .output import show  # noqa: PLC0415

    body = sys.stdin.buffer.read() if file == "-" else read_bytes(Path(file))
    show(parse_webhook(body, signature, secret, max_age=max_age), settings())


_MAX_AGE = click.Option(
    ["--max-age"], type=click.FLOAT, metavar="SECONDS", help="Refuse deliveries computed longer ago than this."
)

LISTEN = Command(
    "listen",
    callback=_listen,
    params=[
        click.Option(["--port"], type=click.IntRange(0, 65535), default=8787, show_default=True, help="0 for any."),
        click.Option(["--host"], default="127.0.0.1", show_default=True, help="Where to listen."),
        _secret(many=True),
        click.Option(
            ["--forward-to"], metavar="URL", callback=_web_address, help="Pass verified deliveries on, as received."
        ),
        _MAX_AGE,
        *shared_options(hidden=True),
    ],
    help="Receive deliveries, verify each and print it as a line of JSON.\n\nA delivery that does not verify is "
    "answered 401 and told on stderr.",
    epilog=f"Example: {PROGRAM} webhooks listen --port 8787 --forward-to http://localhost:3000/hooks",
)

SEND = Command(
    "send",
    callback=_send,
    params=[
        click.Argument(["url"], callback=_web_address),
        _secret(many=False),
        click.Option(["--tenant-slug"], default="northwind", show_default=True),
        click.Option(["--segment-id"], type=click.INT, default=31, show_default=True),
        click.Option(["--segment-name"], default="Test segment", show_default=True),
        click.Option(["--member-count"], type=click.INT, default=208, show_default=True),
        *shared_options(),
    ],
    help="Send a signed test delivery to a receiver, as the service would: once, with ten seconds to answer.",
    epilog=f"Example: {PROGRAM} webhooks send http://localhost:3000/hooks --segment-id 31",
)

VERIFY = Command(
    "verify",
    callback=_verify,
    params=[
        click.Argument(["file"], metavar="FILE|-"),
        click.Option(["--signature"], required=True, metavar="HEADER", help="The X-SegOps-Signature header's value."),
        _secret(many=True),
        _MAX_AGE,
        *shared_options(),
    ],
    help="Verify the raw body of a delivery and show what it tells.",
    epilog=f"Example: {PROGRAM} webhooks verify body.json --signature sha256=451ea6… --max-age 300",
)

command = Words(
    "webhooks",
    commands=[LISTEN, SEND, VERIFY],
    params=shared_options(hidden=True),
    help="Receive, send and verify webhook deliveries.",
)
