"""Settings: flags over environment over lc-ibis.toml over defaults."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError, SettingsError
from lc_ibis.keywords import Options
from lc_ibis.settings import GROUPS, Settings
from tests.conftest import ALICE, SAVINGS, Lending

NAMES = [field.name for field in fields(Settings)]


@pytest.fixture(autouse=True)
def _nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        monkeypatch.delenv(f"LC_IBIS_{name.upper()}", raising=False)


def write(text: str | bytes) -> None:
    Path("lc-ibis.toml").write_bytes(text if isinstance(text, bytes) else text.encode())


def refused(**flags: Any) -> str:
    with pytest.raises(SettingsError) as error:
        Settings.load(**flags)
    assert error.value.exit_code == 2
    return str(error.value)


def test_defaults_are_the_places_of_the_readme() -> None:
    settings = Settings.load()
    assert settings == Settings()
    assert [str(getattr(settings, name)) for name in ("place", "inputs", "outputs", "reports")] == [
        "data/duckdb/lc.duckdb", "data/inputs", "data/outputs", "data/quality_reports"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "toml", "variable", "flag", "values"),
    [
        ("database", '"a.duckdb"', "b.duckdb", "c.duckdb", [Path(f"{x}.duckdb") for x in "abc"]),
        ("source", '{src_account = "a/*"}', "src_account=b/*", ("src_account=c/*",), [{"src_account": f"{x}/*"} for x in "abc"]),
        ("select", '["a", "+b"]', "staging marts", ("c",), [("a", "+b"), ("staging", "marts"), ("c",)]),
        ("full_refresh", "true", "0", True, [True, False, True]),
        ("max_delete_share", "0.1", "0.2", 0.3, [0.1, 0.2, 0.3]),
        ("threads", "1", "2", 3, [1, 2, 3]),
        ("memory_limit", '"1GB"', "2GB", "3GB", ["1GB", "2GB", "3GB"]),
    ],
)  # fmt: skip
def test_flags_come_before_environment_before_file(
    monkeypatch: pytest.MonkeyPatch, name: str, toml: str, variable: str, flag: Any, values: list[Any]
) -> None:
    write(f"{name} = {toml}")
    from_file = Settings.load()
    monkeypatch.setenv(f"LC_IBIS_{name.upper()}", variable)
    from_environment = Settings.load(**{name: None})
    from_flag = Settings.load(**{name: flag})
    assert [getattr(s, name) for s in (from_file, from_environment, from_flag)] == values


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("LC_IBIS_DATABSE", "LC_IBIS_DATABASE"),
        ("LC_IBIS_MAX_DELETE_SHARES", "LC_IBIS_MAX_DELETE_SHARE"),
        ("LC_IBIS_QUITE", "LC_IBIS_QUIET"),
        ("lc_ibis_database", "LC_IBIS_DATABASE"),
    ],
)
def test_a_variable_that_is_misspelt_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, near: str) -> None:
    monkeypatch.setenv(name, "1")
    assert refused() == f"environment: there is no setting {name}. Did you mean {near}?"


def test_a_variable_that_resembles_none_is_not_likened_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_IBIS_XYZ", "1")
    assert refused() == "environment: there is no setting LC_IBIS_XYZ. LC_IBIS_QUIET is that of --quiet, and so on."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LC_IBIS_TEST_DBT", "/opt/dbt"),
        ("_LC_IBIS_COMPLETE", "bash_source"),
        ("LC_IBIS_DATABSE", ""),
        # What Kubernetes tells of services called lc-ibis and lc-ibis-docs.
        ("LC_IBIS_SERVICE_HOST", "10.0.0.1"),
        ("LC_IBIS_SERVICE_PORT_HTTP", "80"),
        ("LC_IBIS_PORT", "tcp://10.0.0.1:80"),
        ("LC_IBIS_DOCS_PORT", "tcp://10.0.0.1:80"),
        ("LC_IBIS_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("LC_IBIS_PORT_80_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_a_variable_that_is_meant_for_others_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert Settings.load() == Settings()


def test_each_setting_has_its_own_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    write('inputs = "from/file"\nthreads = 1')
    monkeypatch.setenv("LC_IBIS_THREADS", "2")
    settings = Settings.load(outputs="from/flag")
    assert (settings.inputs, settings.threads, settings.outputs) == (Path("from/file"), 2, Path("from/flag"))
    assert settings.reports == Settings().reports


def test_a_flag_that_says_no_wins_over_an_environment_that_says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_IBIS_FULL_REFRESH", "yes")
    assert Settings.load(full_refresh=False).full_refresh is False


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(f"LC_IBIS_{name.upper()}", "")
    assert Settings.load() == Settings()


def test_the_file_may_write_hyphens_as_the_flags_do() -> None:
    write("max-delete-share = 0.25\nallow-mass-delete = true")
    assert (Settings.load().max_delete_share, Settings.load().allow_mass_delete) == (0.25, True)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        *(("allow_mass_delete", text, True) for text in ("true", "TRUE", "1", "Yes")),
        *(("allow_mass_delete", text, False) for text in ("false", "False", "0", "no", "off", "n")),
        ("select", " staging   stg_*,+x ", ("staging", "stg_*,+x")),
        ("source", "src_account=a=b/*.csv,src_customer=c", {"src_account": "a=b/*.csv", "src_customer": "c"}),
        ("max_delete_share", "1", 1.0),
        ("inputs", "../with space/it's", Path("../with space/it's")),
        ("source", "src_account=a, src_customer=b", {"src_account": "a", "src_customer": "b"}),
    ],
)  # fmt: skip
def test_variables_are_text_of_the_settings_type(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    monkeypatch.setenv(f"LC_IBIS_{name.upper()}", text)
    assert getattr(Settings.load(), name) == value


@pytest.mark.parametrize(
    ("name", "said"),
    [("databse", "Did you mean database?"), ("thread", "Did you mean threads?"), ("xyz", f"Known: {', '.join(sorted(NAMES))}.")],
)  # fmt: skip
def test_an_unknown_name_is_refused_with_a_hint(name: str, said: str) -> None:
    assert refused(**{name: "x"}) == f"option: there is no setting {name}. {said}"
    write(f'{name} = "x"')
    assert refused() == f"lc-ibis.toml: there is no setting {name}. {said}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", "two"), ("threads", "1.5"), ("max_delete_share", "50%"), ("max_delete_share", "half"),
        ("full_refresh", "maybe"), ("full_refresh", "2"), ("source", "accounts.csv"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_read_names_its_origin_and_itself(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    said = f"{name} = {value!r} cannot be read as"
    assert refused(**{name: value}).startswith(f"option: {said}")
    write(f'{name} = "{value}"')
    assert refused().startswith(f"lc-ibis.toml: {said}")
    write("")
    monkeypatch.setenv(f"LC_IBIS_{name.upper()}", value)
    assert refused().startswith(f"environment: {said}")


def test_a_source_without_a_pattern_is_told_its_form() -> None:
    assert "NAME=GLOB" in refused(source=("src_account",))


@pytest.mark.parametrize(
    "line",
    [
        "database = 3", 'inputs = ["a"]', "[outputs]\na = 1", "select = 3", "select = [1]", "source = 3", "source = [1]",
        "[source]\nsrc_account = 3", "threads = nan", "threads = []", "memory_limit = 3", "backend = 1", "full_refresh = 2",
        "threads = 1.5", "threads = true", "max_delete_share = true",
    ],
)  # fmt: skip
def test_a_line_of_another_type_is_refused(line: str) -> None:
    write(line)
    assert refused().startswith("lc-ibis.toml: ")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("backend", "oracle", "backend: 'oracle' is not one of duckdb"),
        ("threads", 0, "threads: 0 is not from 1 to 1024."),
        ("max_delete_share", 1.5, "max_delete_share: 1.5 is no share; it lies from 0 to 1 (0.5 is half)."),
        ("max_delete_share", -0.1, "max_delete_share: -0.1 is no share"),
        ("max_delete_share", "nan", "max_delete_share: nan is no share"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: Any, said: str) -> None:
    assert refused(**{name: value}).startswith(said)


@pytest.mark.parametrize("text", ["database =", "= 1", "[source", "a = 1\na = 2", "database: x", b"a = '\xff'"])
def test_a_file_that_is_no_toml_is_named(text: str | bytes) -> None:
    write(text)
    assert refused().startswith(f"{Path('lc-ibis.toml').resolve()}: it cannot be read as TOML (")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threads = 2\n".encode("utf-16"), "it is UTF-16, not UTF-8; save it as UTF-8"),
        ("threads = 2\n".encode("utf-16-be"), "it is UTF-16, not UTF-8; save it as UTF-8"),
        (b"threads = 2\ninputs = 'Z\xfcge'\n", "it is not UTF-8, in line 2; save it as UTF-8"),
    ],
)
def test_a_file_of_another_encoding_is_told_so(text: bytes, said: str) -> None:
    write(text)
    assert refused() == f"{Path('lc-ibis.toml').resolve()}: it cannot be read as TOML ({said})."


def test_a_file_as_windows_writes_it_is_read() -> None:
    write('\ufeffthreads = 2\r\ninputs = "Züge"\r\n'.encode())
    settings = Settings.load()
    assert (settings.threads, settings.inputs) == (2, Path("Züge"))


def test_a_directory_called_like_the_file_is_named() -> None:
    Path("lc-ibis.toml").mkdir()
    assert refused().startswith(f"{Path('lc-ibis.toml').resolve()}: it cannot be read")


def test_a_memory_limit_that_is_no_size_is_refused(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(SettingsError, match=r"^memory_limit: "):
        lending.build(memory_limit="lots")


def test_a_memory_limit_that_is_too_small_is_said_to_be(lending: Lending) -> None:
    lending.deliver([ALICE], [SAVINGS])
    with pytest.raises(DatabaseError, match=r"(?s)out of memory.*set --memory-limit"):
        lending.build(memory_limit="1KB")
    assert lending.files() == {}


def test_what_an_editor_completes_are_the_settings() -> None:
    assert tuple(Options.__annotations__) == tuple(NAMES)


def test_a_notebook_completes_settings() -> None:
    completer = pytest.importorskip("IPython.core.completer")
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    shell.user_ns["lc_ibis"] = lc_ibis
    for typed, wanted in [("lc_ibis.build(allow_r", "allow_replay="), ("lc_ibis.connect(thr", "threads=")]:
        with completer.provisionalcompleter():
            assert wanted in {found.text for found in shell.Completer.completions(typed, len(typed))}
    assert lc_ibis.runs.__signature__.parameters["limit"].default is None


def test_help_shows_settings_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = CliRunner().invoke(main, ["build", "--help"]).output.splitlines()
    heads = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == ["Options:", *(f"{group}:" for group in GROUPS)]
    assert {field.metadata["option"].group for field in fields(Settings)} == set(GROUPS)
    location = lines.index("Location:")
    assert location < next(i for i, line in enumerate(lines) if "--database" in line) < lines.index("Delivery:")
