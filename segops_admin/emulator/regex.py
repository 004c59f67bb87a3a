"""RE2 patterns on Python's `re`: the warehouse behind the real service searches with RE2, which has no look-around.

A pattern that the real service would refuse must be refused here too, and one that means something else in Python is
rewritten. Called by the operators when a definition is checked, and by SQLite while it is evaluated.
"""

from __future__ import annotations

import re
from functools import lru_cache

_GROUP = re.compile(r"\(\?(?P<mark><=|<!|=|!|>|\(|#|P=|P>|P<|<|[a-zA-Z]*-?[a-zA-Z]*[:)])?")
_POSIX = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "0-9A-Za-z", "upper": "A-Z", "lower": "a-z", "space": r"\t\n\v\f\r ",
    "punct": r"!-/:-@\[-`{-~", "word": r"\w", "xdigit": "0-9A-Fa-f", "blank": r"\t ",
}  # fmt: skip
_LOOK_AROUND = frozenset(("=", "!", "<=", "<!"))
_FLAGS = frozenset("ims-:)")


class PatternError(ValueError):
    """A pattern RE2 does not accept; the message says which part."""


@lru_cache(maxsize=256)
def compile_re2(pattern: str) -> re.Pattern[str]:
    """Compile the pattern as RE2 would read it; raises PatternError."""
    try:
        return re.compile(_translate(pattern), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"error parsing regexp: {error}") from error


def _translate(pattern: str) -> str:
    """Walk the pattern once, part by part: escapes, sets, groups, plain characters."""
    parts: list[str] = []
    # RE2's `$` is the end of the text; Python's also stands before a final line end.
    dollar = "$" if re.match(r"\(\?[a-z]*m", pattern) else r"\Z"
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            part, at = _escape(pattern, at)
        elif pattern[at] == "[":
            part, at = _set(pattern, at)
        elif pattern.startswith("(?", at):
            part, at = _group(pattern, at)
        else:
            if pattern[at] == "+" and parts and parts[-1] in ("*", "+", "?", "}"):
                raise PatternError("invalid nested repetition operator: possessive")
            part, at = (dollar if pattern[at] == "$" else pattern[at]), at + 1
        parts.append(part)
    return "".join(parts)


def _escape(pattern: str, at: int) -> tuple[str, int]:
    letter = pattern[at + 1 : at + 2]
    if letter in "123456789Z" and letter:
        raise PatternError(f"invalid escape sequence: \\{letter}")
    if letter == "z":
        return r"\Z", at + 2
    if letter == "Q":
        end = pattern.find(r"\E", at)
        end = len(pattern) if end < 0 else end
        return re.escape(pattern[at + 2 : end]), end + 2
    return pattern[at : at + 2], at + 2


def _set(pattern: str, at: int) -> tuple[str, int]:
    """Copy a bracketed set; named classes are spelled out and characters special to Python's sets only are escaped."""
    parts = ["["]
    first = at = at + 1
    if pattern.startswith("^", at):
        parts.append("^")
        first = at = at + 1
    while at < len(pattern) and (pattern[at] != "]" or at == first):
        named = re.compile(r"\[:(\w+):\]").match(pattern, at)
        if named:
            if named[1] not in _POSIX:
                raise PatternError(f"invalid character class: {named[0]}")
            parts.append(_POSIX[named[1]])
            at = named.end()
        elif pattern[at] == "\\":
            parts.append(pattern[at : at + 2])
            at += 2
        else:
            parts.append("\\" + pattern[at] if pattern[at] in "[&|~]" else pattern[at])
            at += 1
    if at >= len(pattern):
        raise PatternError("missing closing ]")
    return "".join(parts) + "]", at + 1


def _group(pattern: str, at: int) -> tuple[str, int]:
    found = _GROUP.match(pattern, at)
    mark = found["mark"] if found else None
    if found is None or mark is None:
        raise PatternError("invalid or unsupported Perl syntax: (?")
    if mark in _LOOK_AROUND:
        raise PatternError(f"invalid or unsupported Perl syntax: (?{mark} (look-around)")
    if mark in ("P=", "P>", ">", "(", "#"):
        raise PatternError(f"invalid or unsupported Perl syntax: (?{mark}")
    if mark in ("<", "P<"):
        return "(?P<", found.end()
    if not set(mark) <= _FLAGS:
        raise PatternError(f"invalid or unsupported Perl syntax: (?{mark}")
    return _flags(mark, pattern, at), found.end()


def _flags(mark: str, pattern: str, at: int) -> str:
    """Inline flags; Python wants the unscoped form at the very start, where it means the same."""
    if mark.endswith(")") and at != 0:
        raise PatternError(f"flags inside a pattern are not supported here: {pattern[at : at + 2 + len(mark)]}")
    return f"(?{mark}"
