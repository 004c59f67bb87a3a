"""A multipart form as bytes, made once and sent as often as a call is attempted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..config import shown
from ..errors import SegOpsInputError
from .request import File


def encode_form(form: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the body of a form and its content type. Values: text, bytes, `File`, or (filename, bytes[, type])."""
    if not isinstance(form, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"A form must be a dictionary of its fields, not {type(form).__name__}.")
    boundary = os.urandom(16).hex()
    pieces: list[bytes] = []
    for name, value in form.items():
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SegOpsInputError(f"The name of a form field must be text, not {shown(name)}.")
        file = _as_file(name, value)
        disposition = f'form-data; name="{_quoted(name)}"'
        if file.filename:
            disposition += f'; filename="{_quoted(file.filename)}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
        if file.content_type:
            head += f"Content-Type: {_printable(file.content_type)}\r\n"
        pieces += [_as_utf8(head, name), b"\r\n", file.content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def _as_file(name: str, value: Any) -> File:
    if isinstance(value, str):
        return File(_as_utf8(value, name), "", "")
    if isinstance(value, (bytes, bytearray)):
        return File(bytes(value), name)
    parts = list[Any](value) if isinstance(value, tuple) else []  # pyright: ignore[reportUnknownArgumentType]
    if len(parts) in (2, 3):
        value = File(parts[1], parts[0] or "", *parts[2:])
    if not isinstance(value, File):
        what = type(value).__name__  # pyright: ignore[reportUnknownArgumentType]
        raise SegOpsInputError(f"The form field {shown(name)} cannot be a {what}.")
    if not isinstance(value.content, (bytes, bytearray)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"The form field {shown(name)} holds {type(value.content).__name__}, not bytes.")
    if not isinstance(value.filename, str) or not isinstance(value.content_type, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"The form field {shown(name)} needs text as its file name and content type.")
    return value


def _as_utf8(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise SegOpsInputError(f"The form field {shown(name)} holds text that is not valid Unicode.") from error


def _quoted(text: str) -> str:
    """Keep a name inside its quotes and on its line: as browsers do, and control characters the same way."""
    return "".join(
        f"%{ord(letter):02X}" if letter == '"' or letter < " " or letter == "\x7f" else letter for letter in text
    )


def _printable(text: str) -> str:
    if not text.isprintable():
        raise SegOpsInputError(f"The content type {shown(text)} holds control characters.")
    return text
