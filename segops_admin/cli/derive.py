"""A signature becomes arguments and options, and the words typed become a call again.

    parameter                                   in the shell
    ──────────────────────────────────────────  ─────────────────────────────────────────────────
    positional, without a default               an argument
    `body=None, /`                              an optional argument: file, JSON text, @file, - (stdin)
    `params=None, /` and `**query: Any`         any --flag=value that is not declared otherwise
    positional, with a default                  an option; also an optional last argument
    all others                                  an option
    `**fields: Unpack[SomeTypedDict]`           an option for each of its fields
    a function (`on_progress`)                  nothing; the command fills it

Only what was typed is passed on, so defaults stay in one place: the library's.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import click
from typing_extensions import Unpack, get_type_hints, is_typeddict

from . import docs
from .values import BytesValue, FileContent, InstantValue, JsonValue, ParamType, RecordValue, RowsValue

FREE_FLAGS = "params"
"""The parameter that takes query parameters as a dictionary."""

ROWS = "rows"
"""The parameter that takes many rows: a file of them is left to the library, which reads it piece by piece."""


class Role(Enum):
    """What a parameter is in the shell."""

    ARGUMENT = "argument"
    BODY = "body"
    FREE = "free flags"
    OPTION = "option"
    FIELDS = "fields"
    HIDDEN = "hidden"


class Slot(NamedTuple):
    """One parameter of the method, with its resolved type."""

    parameter: inspect.Parameter
    annotation: Any
    role: Role


class Derived(NamedTuple):
    """A method as the shell sees it."""

    slots: tuple[Slot, ...]
    params: list[click.Parameter]
    doc: docs.MethodDoc

    @property
    def takes_free_flags(self) -> bool:
        """Whether flags that are not declared become query parameters."""
        return any(slot.role is Role.FREE for slot in self.slots)

    @property
    def optional_arguments(self) -> list[str]:
        """Options that may be given as last arguments too, in their order."""
        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return [
            slot.parameter.name for slot in self.slots if slot.role is Role.OPTION and slot.parameter.kind is either
        ]

    def has(self, name: str) -> bool:
        """Whether the method has a parameter of this name."""
        return any(slot.parameter.name == name for slot in self.slots)


def derive(method: Callable[..., Any], doc: str) -> Derived:
    """Read a method's signature."""
    hints = get_type_hints(method)
    found = [parameter for parameter in inspect.signature(method).parameters.values() if parameter.name != "self"]
    slots = tuple(_slot(parameter, hints.get(parameter.name, str)) for parameter in found)
    fields = {name for slot in slots if slot.role is Role.FIELDS for name in get_type_hints(_unpacked(slot.annotation))}
    text = docs.read(doc, [slot.parameter.name for slot in slots] + sorted(fields))
    params = [param for slot in slots for param in _click_params(slot, text.parameters)]
    return Derived(slots, params, text)


def bind(derived: Derived, typed: Mapping[str, Any], free: Mapping[str, str]) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and keyword arguments of the call; `typed` holds None for what was left out."""
    args: list[Any] = []
    given: dict[str, Any] = {}
    for slot in derived.slots:
        name, kind = slot.parameter.name, slot.parameter.kind
        if slot.role is Role.FREE:
            if kind is inspect.Parameter.VAR_KEYWORD:
                given.update(free if not derived.has(FREE_FLAGS) else {})
            else:
                args.append(dict(free) or None)
        elif slot.role is Role.FIELDS:
            names = get_type_hints(_unpacked(slot.annotation))
            given.update({field: typed[field] for field in names if typed.get(field) is not None})
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            args.extend(typed.get(name) or ())
        elif slot.role in (Role.ARGUMENT, Role.BODY):
            args.append(typed.get(name))
        elif slot.role is Role.OPTION and typed.get(name) is not None:
            given[name] = typed[name]
    given = _with_filename(derived, args, given)
    return [value.read() if isinstance(value, FileContent) else value for value in args], given


def _with_filename(derived: Derived, args: list[Any], given: dict[str, Any]) -> dict[str, Any]:
    """Send a file under its own name, where the method takes one."""
    if derived.has("filename") and "filename" not in given:
        name = next((value.filename for value in args if isinstance(value, FileContent)), None)
        return {**given, "filename": name} if name else given
    return given


def _slot(parameter: inspect.Parameter, annotation: Any) -> Slot:
    return Slot(parameter, annotation, _role(parameter, annotation))


def _role(parameter: inspect.Parameter, annotation: Any) -> Role:
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return Role.FIELDS if _unpacked(annotation) is not None else Role.FREE
    if _members(annotation) == ():
        return Role.HIDDEN
    if parameter.name == FREE_FLAGS and parameter.default is None:
        return Role.FREE
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        return Role.OPTION
    if parameter.default is inspect.Parameter.empty:
        return Role.ARGUMENT
    return Role.BODY if parameter.kind is inspect.Parameter.POSITIONAL_ONLY else Role.OPTION


def _unpacked(annotation: Any) -> Any:
    """Return the TypedDict in `Unpack[…]`, or None."""
    if get_origin(annotation) is Unpack or is_typeddict(annotation):
        return get_args(annotation)[0] if get_args(annotation) else annotation
    return None


def _click_params(slot: Slot, said: Mapping[str, str]) -> list[click.Parameter]:
    name, default = slot.parameter.name, slot.parameter.default
    if slot.role is Role.FIELDS:
        typed_dict = _unpacked(slot.annotation)
        return [
            _option(field, annotation, said.get(field) or docs.OPTIONS.get(field, ""), typed_dict)
            for field, annotation in get_type_hints(typed_dict).items()
        ]
    if slot.role is Role.OPTION:
        shown = "" if default in (None, inspect.Parameter.empty) else f"[default: {_shown(default)}]"
        return [_option(name, slot.annotation, f"{said.get(name) or docs.OPTIONS.get(name, '')} {shown}".strip())]
    if slot.role in (Role.ARGUMENT, Role.BODY):
        many = slot.parameter.kind is inspect.Parameter.VAR_POSITIONAL
        required = slot.role is Role.ARGUMENT and not many
        metavar = None if required else f"[{name.upper()}]{'...' if many else ''}"
        return [
            click.Argument(
                [name],
                type=RowsValue() if name == ROWS else shell_type(slot.annotation),
                required=required,
                nargs=-1 if many else 1,
                metavar=metavar,
            )
        ]
    return []


class DerivedOption(click.Option):
    """An option; what is written below a field is looked up only for help, as it takes reading the source."""

    typed_dict: Any = None
    """Where the option's field is declared, if it is one."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option's words and its help."""
        if not self.help and self.typed_dict is not None:
            self.help = docs.of_fields(self.typed_dict).get(str(self.name), "")
        return super().get_help_record(ctx)


def _option(name: str, annotation: Any, text: str, typed_dict: Any = None) -> click.Option:
    word = name.replace("_", "-")
    kind = shell_type(annotation)
    if kind is click.BOOL:
        option = DerivedOption([f"--{word}/--no-{word}", name], default=None, help=text)
    else:
        option = DerivedOption([f"--{word}", name], type=kind, default=None, help=text, metavar=_metavar(annotation))
    option.typed_dict = typed_dict
    return option


def _metavar(annotation: Any) -> str | None:
    """Name the known values of an open enum."""
    known = [
        str(value) for member in _members(annotation) if get_origin(member) is Literal for value in get_args(member)
    ]
    return f"[{'|'.join(known)}]" if known else None


def _shown(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return a union's members, or the type itself; without None and without functions, which a shell cannot give."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(member for part in get_args(annotation) for member in _members(part))
    if annotation is type(None) or annotation is Callable or get_origin(annotation) is Callable:
        return ()
    return () if get_origin(annotation) is _CALLABLE else (annotation,)


_CALLABLE = get_origin(Callable[[], None])

_PLAIN: tuple[tuple[type, ParamType], ...] = (
    (bool, click.BOOL),
    (bytes, BytesValue()),
    (datetime, InstantValue(datetime)),
    (date, InstantValue(date)),
    (float, click.FLOAT),
    (int, click.INT),
)


def shell_type(annotation: Any) -> ParamType:
    """Return how a value of this type is typed in a shell."""
    members = _members(annotation)
    if str in members or Path in members:
        return click.STRING
    literals = [member for member in members if get_origin(member) is Literal]
    if literals and len(literals) == len(members):
        return click.Choice([str(value) for member in literals for value in get_args(member)])
    for kind, word in _PLAIN:
        if kind in members:
            return word
    record = next((member for member in members if hasattr(member, "__attrs_attrs__")), None)
    if record is not None and not any(_is_json(member) for member in members):
        return RecordValue(record)
    return JsonValue()


def _is_json(member: Any) -> bool:
    origin: Any = get_origin(member) or member
    is_container = isinstance(origin, type) and issubclass(origin, (Mapping, dict, list))
    return is_container and not hasattr(origin, "__attrs_attrs__")  # pyright: ignore[reportUnknownArgumentType]
