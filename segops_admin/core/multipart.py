"""A multipart form as bytes, made once and sent as often as a call is attempted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..errors import SegOpsInputError
from .request import File

if TYPE_CHECKING:
    from collections.abc import Mapping


def encode_form(form: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the body of a form and its content type. Values: text, bytes, `File`, or (filename, bytes[, type])."""
    boundary = os.urandom(16).hex()
    pieces: list[bytes] = []
    for name, value in form.items():
        file = _as_file(name, value)
        disposition = f'form-data; name="{_quoted(name)}"'
        if file.filename:
            disposition += f'; filename="{_quoted(file.filename)}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if file.content_type:
            head += f"Content-Type: {_printable(file.content_type)}\r\n"
        pieces += [head.encode(), b"\r\n", file.content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def _as_file(name: str, value: Any) -> File:
    if isinstance(value, File):
        return value
    if isinstance(value, str):
        return File(value.encode(), "", "")
    if isinstance(value, (bytes, bytearray)):
        return File(bytes(value), name)
    if isinstance(value, tuple):
        filename, content, *content_type = list[Any](value)  # pyright: ignore[reportUnknownArgumentType]
        return File(content, filename, *content_type)
    raise SegOpsInputError(f"The form field {name!r} cannot be a {type(value).__name__}.")


def _quoted(text: str) -> str:
    """Keep a name inside its quotes, as browsers do."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise SegOpsInputError(f"The content type {text!r} holds control characters.")
    return text
