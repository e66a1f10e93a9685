"""Two stacks that are rented side by side have ports of their own."""

from dataclasses import replace
from pathlib import Path

import pytest

from stacks import ledger, stack_file
from stacks.errors import ConfigError
from stacks.lot import lot_of
from stacks.ports import check_ports, ports_in_file, ports_of, rented_stacks
from stacks.settings import Settings
from stacks.values import own_port
from stacks.webui import webui_port
from tests.shipped import settings_of
from tests.stacks.test_receipt import ENTRY


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr("stacks.ports.path_of", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")
    monkeypatch.setattr(stack_file, "path_of", lambda stack: tmp_path / f"Pulumi.{stack}.yaml")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(settings_of("coder-32b", tmp_path), port=18_500, webui=False)


def rented(tmp_path: Path, stack: str, port: str, *, ended: str | None = None, webui: str = "false") -> None:
    """A lease of another stack, and its file."""
    ledger.write(replace(ENTRY, lease=f"20261121t090000z-{stack}", stack=stack, ended=ended))
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(f'config:\n  daybox:port: "{port}"\n  daybox:webui: "{webui}"\n')


def test_alone_it_may_have_any_port(settings: Settings) -> None:
    check_ports(settings)


def test_the_same_port_as_one_that_is_rented_is_refused_with_one_that_is_free(
    settings: Settings, tmp_path: Path
) -> None:
    rented(tmp_path, "a", "18500")
    rented(tmp_path, "b", "18501")
    with pytest.raises(ConfigError) as caught:
        check_ports(settings)
    assert caught.value.line() == (
        "stacks/coder-32b/port: 18500 is a port of a, too, which is rented now; "
        "pulumi config set -s coder-32b daybox:port 18502"
    )


def test_one_that_was_given_back_has_no_port(settings: Settings, tmp_path: Path) -> None:
    rented(tmp_path, "a", "18500", ended="2026-11-21T10:00:00Z")
    check_ports(settings)


def test_its_own_lease_is_no_other(settings: Settings, tmp_path: Path) -> None:
    rented(tmp_path, "coder-32b", "18500")
    check_ports(settings)


def test_a_port_that_is_changed_while_a_lease_runs_is_compared_too(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stacks.lot.check_login_key", lambda _: None)
    rented(tmp_path, "coder-32b", "18500")
    rented(tmp_path, "a", "18500")
    with pytest.raises(ConfigError, match="18500 is a port of a, too"):
        lot_of(settings)


def test_the_port_of_open_webui_counts(settings: Settings, tmp_path: Path) -> None:
    rented(tmp_path, "a", str(18_500 - (webui_port(18_500) - 18_500)), webui="true")
    with pytest.raises(ConfigError, match="18500 is a port of a, too"):
        check_ports(settings)


def test_a_receipt_that_cannot_be_read_stops_nobody(settings: Settings, tmp_path: Path) -> None:
    rented(tmp_path, "a", "18500")
    next((tmp_path / "ledger").glob("*.json")).write_text("{")
    check_ports(settings)
    assert list(rented_stacks()) == []


@pytest.mark.parametrize("text", ["", "x"])
def test_without_a_number_the_name_decides(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.a.yaml").write_text(f'config:\n  daybox:port: "{text}"\n')
    assert ports_in_file("a") == {own_port("a")} == ports_in_file("a")
    assert ports_in_file("has-no-file") == {own_port("has-no-file")}


def test_open_webui_takes_a_second_one() -> None:
    assert ports_of(18_001, webui=True) == {18_001, webui_port(18_001)}
    assert ports_of(18_001, webui=False) == {18_001}
