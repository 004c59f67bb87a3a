"""`segops-admin whoami`: which key would be used, where it is from, and what the server says of it."""

from __future__ import annotations

from .ground import PROGRAM, CommandError
from .options import Command, settings, shared_options


def _whoami() -> None:
    from ..config import resolve_api_key  # noqa: PLC0415 -- help does without the client
    from ..errors import SegOpsError  # noqa: PLC0415
    from .advice import explained  # noqa: PLC0415
    from .connect import caller_of, connected  # noqa: PLC0415
    from .masking import hint_of  # noqa: PLC0415
    from .output import show  # noqa: PLC0415
    from .profiles import credentials  # noqa: PLC0415

    wanted = settings()
    found = credentials(wanted)
    with connected(wanted, found=found) as client:
        root = caller_of(client).config.base_url
        try:
            overview = client.analytics.overview()
        except SegOpsError as error:
            raise CommandError(explained(error, found, root)) from error
        answer = {
            "key": hint_of(resolve_api_key(found.api_key)),
            "from": found.source,
            "root": root,
            "server": "accepts the key",
            "segments": overview.segment_count,
            "members": overview.total_members,
        }
        show(answer, wanted)


command = Command(
    "whoami",
    callback=_whoami,
    params=shared_options(),
    help="Show which key and root are used, masked, and what the server says.",
    epilog=f"Example: {PROGRAM} whoami --profile staging",
)
