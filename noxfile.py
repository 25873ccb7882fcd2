"""Sessions for contributors: `nox -s lint`, `nox -s tests`, `nox -s asan`, `nox -s bench`."""

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "venv"


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types: ruff, mypy, clang-format."""
    session.install(".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    tracked = session.run("git", "ls-files", "*.h", "*.cpp", external=True, silent=True)
    session.run("clang-format", "--dry-run", "--Werror", *str(tracked).split())


@nox.session(python=["3.10", "3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """The Python tests on every supported Python that is installed."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def asan(session: nox.Session) -> None:
    """The C++ and the Python tests under AddressSanitizer and UndefinedBehaviorSanitizer."""
    session.run("bash", ".ci/sanitize", *session.posargs, external=True)


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark, against NumPy (and against the peers, if posargs start with `--peers`)."""
    peers = ["autograd", "torch", "jax", "casadi"]
    posargs = list(session.posargs)
    if posargs[:1] == ["--peers"]:
        posargs.pop(0)
        session.install(*peers)
    session.install(".[bench]")
    for what in ("overhead", "steps", "run"):
        session.run("python", "-m", "bench", what, *posargs)
