"""What is said when a command ends and the work does not: what goes on at the server, and the words that take it up."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from ..records.bulk import BulkUpsertResult
from .ground import PROGRAM, CommandError
from .options import settings
from .surface import namespaces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .surface import MethodInfo

WAITS = {"export_to": "wait_export", "import_file": "wait_import"}
"""A method that starts a job and waits → the one that takes up the wait."""

LOOKS = {("products", "score_and_wait"): "get-score", ("queries", "run_and_wait"): "results"}
"""What shows how such work stands; elsewhere it is `get`."""


def how_to_go_on(method: MethodInfo, args: Sequence[Any], given: Mapping[str, Any], job: Any) -> str:
    """Say how to go on after a call was left alone. job: as it was last seen, if it was."""
    if method.name == "bulk_upsert":
        return _how_to_import_on(given.get("journal"))
    if method.name.startswith("wait_"):
        again = command(method.namespace, method.name, *args)
        return f"The job goes on at the server; wait for it again with `{again}`."
    if method.name in WAITS:
        return _how_to_wait_on(method, args, job)
    look = command(method.namespace, LOOKS.get((method.namespace, method.name), "get"), *args[:1])
    return f"The work goes on at the server: look with `{look}`, do not start it again."


def _how_to_import_on(journal: str | None) -> str:
    if journal is not None:
        return f"What is stored stays stored: run the same command again to go on ({journal} knows where)."
    return (
        "What is stored stays stored: run the same command again, rows repeat harmlessly. "
        "With --journal FILE it would go on where it was."
    )


def _how_to_wait_on(method: MethodInfo, args: Sequence[Any], job: Any) -> str:
    if job is None:
        return "Nothing is known of the job yet: run the same command again."
    known = namespaces()[method.namespace].methods
    waits = WAITS[method.name]
    word = waits if waits in known else f"{waits.removeprefix('wait_')}_status"
    if method.name == "import_file":
        return f"The import goes on at the server; wait for it with `{command(method.namespace, word, job['id'])}`."
    step = command(method.namespace, word, args[0], job["id"])
    if "download_export" in known:
        step += f" > export.json && {command(method.namespace, 'download_export', 'export.json', args[1])}"
    return f"The export goes on at the server; get it with `{step}`."


def note_what_is_left(result: Any, method: MethodInfo) -> None:
    """Tell a person that an upload alone imports nothing; what prints the job for scripts stays as published."""
    if method.name == "import_csv" and sys.stderr.isatty():
        step = command("products", "confirm_import", result.id, "--wait")
        click.echo(f"Nothing is imported yet: go on with `{step}`, or do it all at once by --wait.", err=True)


def fail_for_refused_rows(result: Any) -> None:
    """End an import with a failure when rows were refused, naming the first of them."""
    if isinstance(result, BulkUpsertResult) and result.failed_count:
        first = result.failed[0]
        sku = f", sku {first.sku}" if first.sku else ""
        rows = "1 row was" if result.failed_count == 1 else f"{result.failed_count:,} rows were"
        raise CommandError(
            f"{rows} refused; the first is row {first.index + 1}{sku}: {first.reason.rstrip('.')}. The rest is stored."
        )


def command(namespace: str, method: str, *arguments: Any) -> str:
    """Return a command line that can be pasted, with the profile of the running one."""
    words = [PROGRAM, namespace.replace("_", "-"), method.replace("_", "-"), *map(str, arguments)]
    profile = settings().profile
    return shlex.join([*words, "--profile", profile] if profile else words)
