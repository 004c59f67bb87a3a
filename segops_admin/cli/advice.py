"""What to do when a server does not take the key, or is no SegOps API: the fix names where key and root are from."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from ..config import BASE_URL_VARIABLE
from ..errors import SegOpsAuthenticationError, SegOpsDecodeError, SegOpsNotFoundError
from .ground import PROGRAM
from .masking import masked

if TYPE_CHECKING:
    from ..errors import SegOpsError
    from .profiles import Credentials

ROOT_ENDS_IN = "/api"


def explained(error: SegOpsError, found: Credentials, root: str) -> str:
    """Return what came back of a first, harmless call, and what to do about it."""
    if isinstance(error, SegOpsDecodeError):
        return f"{root} answered, but not as SegOps does. {fix_for(error, found, root)}"
    if isinstance(error, (SegOpsAuthenticationError, SegOpsNotFoundError)):
        return f"{root} answered {error.status}. {fix_for(error, found, root)}"
    return masked(str(error))


def fix_for(error: SegOpsError, found: Credentials, root: str) -> str:
    """Return what to do; in the error's own words where neither key nor root is to blame."""
    if isinstance(error, SegOpsAuthenticationError):
        return _key_fix(found, root)
    if isinstance(error, (SegOpsNotFoundError, SegOpsDecodeError)):
        return root_fix(found, root) or f"No SegOps API answers at {root}: check its host and path."
    return masked(str(error))


def root_fix(found: Credentials, root: str) -> str:
    """Return what to do about a root that does not end as all roots do; empty for one that does."""
    if root.endswith(ROOT_ENDS_IN):
        return ""
    better = f"{root}{ROOT_ENDS_IN}"
    if found.profile and not os.environ.get(BASE_URL_VARIABLE):
        how = f"`{login_to(found.profile)} --base-url {shlex.quote(better)}`"
    else:
        how = f"set {BASE_URL_VARIABLE} to {better}"
    return f"The root must end in {ROOT_ENDS_IN}: {how}."


def login_to(profile: str) -> str:
    """Return the command that makes a profile, or makes it anew."""
    return f"{PROGRAM} login --profile {shlex.quote(profile)}"


def _key_fix(found: Credentials, root: str) -> str:
    wanted = f"a live secret key (sk_…) of the workspace at {root}"
    if found.profile:
        return f"The key of profile {found.profile!r} is not taken: `{login_to(found.profile)}`, with {wanted}."
    return f"The key from {found.source} is not taken: it must be {wanted}."
