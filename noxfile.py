"""What is checked, by intention: `nox -s lint`, `nox -s tests-3.13`. People and CI run the same commands."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "mirror", "docs", "tests"]

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the suite against the built wheel, on every interpreter that is present."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)  # not `python -m`: that would import the checkout


@nox.session
def nightly(session: nox.Session) -> None:
    """Run everything, the long tests included."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "nightly or not nightly", "--timeout=900", *session.posargs)


@nox.session(python="3.13")
def coverage(session: nox.Session) -> None:
    """Hold the engine room (core, bulk, webhook, portal) to 95 % of its branches."""
    session.install("-e", ".[test,all]", "pytest-cov>=6.1")
    session.run("pytest", "--cov", "--cov-report=", *session.posargs)
    session.run("coverage", "report")


@nox.session(python="3.11")
@nox.parametrize("target", ["codec", "paging", "webhook", "retry_after"])
def fuzz(session: nox.Session, target: str) -> None:
    """Feed bytes from outside to their readers, guided by coverage; `-- -max_total_time=3600` for longer."""
    session.install("-e", ".", "atheris>=3.0")
    session.run("python", "tests/fuzz/targets.py", target, *(session.posargs or ["-max_total_time=60"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format; change nothing."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with both checkers, strictly."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("pyright", "--pythonpath", "python")


@nox.session
def mirror(session: nox.Session) -> None:
    """Check that the blocking mirror is what the generator writes."""
    session.install("-e", ".")
    session.run("python", "-m", "segops_admin.sync.generate", "--check")


@nox.session
def docs(session: nox.Session) -> None:
    """Check that the reference is what the docstrings say."""
    session.install("-e", ".")
    session.run("python", "docs/write_reference.py", "--check")
    session.run("python", "docs/write_cli_reference.py", "--check")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, side by side in one run; nothing fails here."""
    session.install(".[test]")
    session.run("python", "benchmarks/calls.py")
    session.run("python", "benchmarks/bulk.py", *session.posargs)
