"""The end of a call's time, on every Python we support."""

import sys

if sys.version_info >= (3, 11):
    from asyncio import timeout_at
else:
    from async_timeout import timeout_at

__all__ = ["timeout_at"]
