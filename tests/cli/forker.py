"""Starts commands quickly: a process that has the libraries loaded forks one for each, with files of its own.

    python forker.py SOCKET

Each connection brings arguments, environment and the three standard files, and gets the exit status back. Most of what
a short command costs is its imports; the tests of start-up and of Ctrl-C start theirs from nothing.
"""

import gc
import importlib
import json
import os
import signal
import socket
import sys

PRELOADED = [
    "aiohttp",
    "anyio._backends._asyncio",
    "cattrs.gen",
    "rich.console",
    "rich.table",
    "rich.status",
    "yaml",
    "jmespath",
    "click.testing",
]
OWN = ["cli.app", "cli.perform", "cli.tables", "cli.whoami", "sync.portal", "client"]
RESOURCES = ["activations", "analytics", "pages", "product_segments", "products", "queries", "schemas", "segments"]


def serve(path):
    """Fork for each connection; return its words in the process that is to run them."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return attend(connection)
        connection.close()


def attend(connection):
    """Start the command in a process of its own and tell how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    asked = json.loads(message)
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    connection.close()
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
    return asked["words"]


if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    for name in [*OWN, *(f"resources.{resource}" for resource in RESOURCES)]:
        importlib.import_module(f"segops_admin.{name}")
    importlib.import_module("segops_admin.records.wire").converter()
    importlib.import_module("segops_admin.cli.surface").namespaces()
    gc.freeze()  # what is shared stays shared
    words = serve(sys.argv[1])
    from segops_admin.cli import main

    sys.exit(main(words))
