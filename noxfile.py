"""One command for all that must be green: `nox`."""

import nox

nox.options.sessions = ["lint", "types", "docs", "tests"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting, by ruff."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types over lc_ibis, by mypy; imports that point one way, by import-linter."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, the laws over a few random sequences."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-n", "2", "--dist", "loadgroup", *session.posargs)


@nox.session
def laws(session: nox.Session) -> None:
    """The laws over thousands of random sequences; takes hours."""
    session.install("-e", ".[test]")
    laws = ["tests/laws/test_laws.py", "tests/engine/test_incremental.py"]
    session.run("pytest", "-q", *laws, "--hypothesis-profile=long", *session.posargs)


@nox.session
def torture(session: nox.Session) -> None:
    """Kills, full disks and broken extracts, for minutes; for hours with nox -s torture -- --runs 1000 --seed 7."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-s", "tests/torture", *(session.posargs or ["--runs", "20"]))


@nox.session
def audit(session: nox.Session) -> None:
    """No installed dependency has a known vulnerability, as far as the database of those can be reached."""
    session.install("-e", ".", "pip-audit>=2.7")
    found = session.run("pip-audit", "--skip-editable", silent=True, success_codes=range(256))
    if "No known vulnerabilities" in str(found):
        session.log("no known vulnerabilities")
    elif "Found " in str(found):
        session.error(f"known vulnerabilities:\n{found}")
    else:
        session.skip("the database of known vulnerabilities cannot be reached from here")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure against hand-written SQL; sizes by option: nox -s benchmarks -- --accounts 1000000 --to results."""
    session.install("-e", ".[bench]")
    session.run(
        "python", "benchmarks/run.py", *(session.posargs or ["--accounts", "10000", "--to", "benchmark_results"])
    )


@nox.session
@nox.parametrize(
    "pins",
    [
        nox.param(["duckdb==1.4.*", "sqlglot==27.*", "ibis-framework==12.0.*", "pyspark==4.0.*"], id="oldest"),
        nox.param(["--upgrade", "--upgrade-strategy=eager"], id="newest"),
    ],
)
def pins(session: nox.Session, pins: list[str]) -> None:
    """The sample, files, contracts and both Sparks at both ends of the pinned versions."""
    session.install("-e", ".[test]", *pins)
    whole = ("tests/backends", "tests/engine/test_extracts.py", "tests/layers/test_sample.py")
    files = ("tests/api/test_backups.py", "tests/declare/test_checks.py", "tests/declare/test_contracts.py")
    session.run("pytest", "-q", *whole, *files, "tests/api/test_reading.py")


@nox.session
def docs(session: nox.Session) -> None:
    """The generated pages are up to date, and the documents make a site, in build/documents/."""
    session.install("-e", ".[docs]")
    session.run("python", "docs/generate.py", "--check")
    session.run("zensical", "build", "--strict")
