"""A derived command at work: the method or its sibling is called, watched while it lasts, and its result printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import SegOpsJobError
from .afterwards import fail_for_refused_rows, how_to_go_on, note_what_is_left
from .confirm import confirm_call
from .connect import connected
from .derive import bind
from .ground import CommandError, Stopped
from .mapping import renamed_rows
from .options import settings, words_typed
from .output import show
from .progress import watching
from .routes import ALL, RESUME
from .wording import in_our_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..sync import SegOpsAdmin
    from .derive import Derived
    from .routes import Route, Routes
    from .surface import MethodInfo

JOURNAL = ".journal"
"""What is added to a file's name for the journal of its import."""

LEFT_BEHIND = ("journal", "errors_path")
"""Files that a call writes beside its result: a dry run does without."""


def perform(
    method: MethodInfo, derived: Derived, routes: Routes, typed: dict[str, Any], free: Mapping[str, str]
) -> None:
    """Call a method as it was typed, and print what it returns."""
    route = routes.chosen(typed)
    if route is None:
        _perform_itself(method, derived, routes, typed, free)
    elif route.flag == RESUME:
        _resume(route, derived, routes, typed, free)
    else:
        _follow(method, route, derived, routes, typed, free)


def _perform_itself(
    method: MethodInfo, derived: Derived, routes: Routes, typed: dict[str, Any], free: Mapping[str, str]
) -> None:
    wanted = settings()
    routes.refuse_extras(derived, typed)
    args, given = bind(derived, typed, free)
    with connected(wanted) as client:
        confirm_call(client, method, args, wanted)
        result = _call(client, method, derived, args, given)
        show(result, wanted)
        note_what_is_left(result, method)


def _follow(
    method: MethodInfo,
    route: Route,
    derived: Derived,
    routes: Routes,
    typed: Mapping[str, Any],
    free: Mapping[str, str],
) -> None:
    """Call the sibling that a flag leads to; where it takes a job's id, the method itself first."""
    wanted = settings()
    with connected(wanted) as client:
        if route.first:
            args, given = bind(derived, _without_extras(routes, derived, typed), free)
            started = _call(client, method, derived, args, given)
            typed = {**typed, _id_name(routes.derived(route)): started.id}
        args, given = routes.bound(route, derived, typed, free)
        show(_call(client, route.method, routes.derived(route), args, given), wanted, whole=route.flag == ALL)


def _resume(route: Route, derived: Derived, routes: Routes, typed: dict[str, Any], free: Mapping[str, str]) -> None:
    """Import a file's rows with a journal beside it, columns renamed as the service's wizard would."""
    wanted = settings()
    mapping = typed.pop("mapping", None)
    args, given = routes.bound(route, derived, typed, free)
    file = args[0]
    args[0], renamed = renamed_rows(file, mapping)
    if renamed and mapping is None:
        columns = ", ".join(f"{column} → {field}" for column, field in renamed.items())
        click.echo(f"Columns taken as: {columns}. --mapping says otherwise.", err=True)
    given["journal"] = f"{file}{JOURNAL}"
    with connected(wanted) as client:
        result = _call(client, route.method, routes.derived(route), args, given, source=file)
        show(result, wanted)
        fail_for_refused_rows(result)


def _call(
    client: SegOpsAdmin,
    method: MethodInfo,
    derived: Derived,
    args: list[Any],
    given: dict[str, Any],
    *,
    source: str | None = None,
) -> Any:
    """Call a method and show how it goes. source: the file whose rows are the whole of it."""
    function = getattr(getattr(client, method.namespace), method.name)
    if settings().dry_run:
        given = {name: value for name, value in given.items() if name not in LEFT_BEHIND}
    if not derived.has("on_progress"):
        return function(*args, **given)
    with watching(words_typed(), source=source) as watch:
        try:
            return function(*args, on_progress=watch, **given)
        except KeyboardInterrupt:
            advice = how_to_go_on(method, args, given, watch.job)
            raise Stopped(f"interrupted. {watch.standing} {advice}") from None
        except SegOpsJobError as error:
            if error.reason != "timeout":
                raise
            advice = how_to_go_on(method, args, given, watch.job or error.job)
            raise CommandError(f"{in_our_words(str(error))} {advice}") from error


def _without_extras(routes: Routes, own: Derived, typed: Mapping[str, Any]) -> dict[str, Any]:
    known = {param.name for param in own.params}
    return {name: value for name, value in typed.items() if name in known or name not in routes.extras}


def _id_name(sibling: Derived) -> str:
    """Return the parameter for the id of the job: the last argument."""
    return [slot.parameter.name for slot in sibling.slots if slot.role.value == "argument"][-1]
