"""A derived command at work: the method or its sibling is called, watched while it lasts, and its result printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .border import Stopped
from .confirm import confirm_call
from .connect import connected
from .derive import bind
from .options import settings
from .output import show
from .progress import watching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..sync import SegOpsAdmin
    from .derive import Derived
    from .routes import Route, Routes
    from .surface import MethodInfo

JOURNAL = ".journal"
"""What is added to a file's name for the journal of its import."""


def perform(
    method: MethodInfo, derived: Derived, routes: Routes, typed: dict[str, Any], free: Mapping[str, str]
) -> None:
    """Call a method as it was typed, and print what it returns."""
    wanted = settings()
    route = routes.chosen(typed)
    if route is None:
        routes.refuse_extras(derived, typed)
        args, given = bind(derived, typed, free)
        confirm_call(method, args, wanted)
        with connected(wanted) as client:
            show(_call(client, method, derived, args, given), wanted)
        return
    with connected(wanted) as client:
        if route.first:
            args, given = bind(derived, _without_extras(routes, derived, typed), free)
            started = _call(client, method, derived, args, given)
            typed = {**typed, _id_name(routes.derived(route)): started.id}
        result = _follow(client, route, routes, derived, typed, free)
        show(result, wanted)


def _follow(
    client: SegOpsAdmin, route: Route, routes: Routes, own: Derived, typed: Mapping[str, Any], free: Mapping[str, str]
) -> Any:
    args, given = routes.bound(route, own, typed, free)
    if route.flag == "--resume":
        given["journal"] = f"{args[0]}{JOURNAL}"
    return _call(client, route.method, routes.derived(route), args, given)


def _call(client: SegOpsAdmin, method: MethodInfo, derived: Derived, args: list[Any], given: dict[str, Any]) -> Any:
    function = getattr(getattr(client, method.namespace), method.name)
    if not derived.has("on_progress"):
        return function(*args, **given)
    with watching(
        f"{method.namespace} {method.name.replace('_', ' ')}", source=given.get("journal") and args[0]
    ) as watch:
        try:
            return function(*args, on_progress=watch, **given)
        except KeyboardInterrupt:
            raise Stopped(f"interrupted. {watch.standing} {_how_to_go_on(given)}") from None


def _how_to_go_on(given: Mapping[str, Any]) -> str:
    if "journal" in given:
        return f"What is stored stays stored: run the same command again to go on ({given['journal']} knows where)."
    words = " ".join(click.get_current_context().command_path.split()[1:])
    return f"A job that was started goes on at the server; look at it later, or run `{words}` again."


def _without_extras(routes: Routes, own: Derived, typed: Mapping[str, Any]) -> dict[str, Any]:
    known = {param.name for param in own.params}
    return {name: value for name, value in typed.items() if name in known or name not in routes.extras}


def _id_name(sibling: Derived) -> str:
    """Return the parameter for the id of the job: the last argument."""
    return [slot.parameter.name for slot in sibling.slots if slot.role.value == "argument"][-1]
