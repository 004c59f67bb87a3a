"""`segops-admin demo`: the whole way through the API, on an emulator of its own.

command    options in, exit status out
steps      what is done, in order, with the library's own calls
catalogue  the CSV on disk: unpacked, counted, its columns understood
visitors   a few hundred made-up users and what they did
report     progress while it runs, and the table at the end
"""

from .command import command

__all__ = ["command"]
