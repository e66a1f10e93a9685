"""Errors are printed in one place: one line, the exit status of their kind."""

import pytest
from invoke.exceptions import Exit

from playbooks.command import console, one_line_errors, print_line
from stacks import errors, secrets
from stacks.errors import DayboxError, ModelError

TOKEN = "a-token-that-is-long-enough-to-be-one"
KINDS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, DayboxError)]


def test_an_error_is_a_path_a_fact_and_a_way_out_on_one_line() -> None:
    with pytest.raises(Exit) as caught, one_line_errors():
        raise ModelError("box/vllm: it does not answer", hint="fab logs --of vllm")
    assert (caught.value.message, caught.value.code) == ("box/vllm: it does not answer; fab logs --of vllm", 6)


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DAYBOX_DEBUG", "1")
    with pytest.raises(Exit) as caught, one_line_errors():
        raise ModelError("fact", hint="hint")
    said = capsys.readouterr().err
    assert said.startswith("Traceback") and said.endswith("stacks.errors.ModelError: fact\n")
    assert (caught.value.message, caught.value.code) == ("fact; hint", 6)


@pytest.mark.parametrize("error", [ModelError(f"fact {TOKEN}", hint=f"hint {TOKEN}"), RuntimeError(f"no {TOKEN}")])
@pytest.mark.parametrize("debug", ["", "1"])
def test_no_error_shows_a_secret_that_was_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, debug: str
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", TOKEN)
    monkeypatch.setenv("DAYBOX_DEBUG", debug)
    secrets.linode_token()
    with pytest.raises(Exit) as caught, one_line_errors():
        raise error
    shown = f"{caught.value.message}{capsys.readouterr().err}"
    assert TOKEN not in shown and "***" in shown


def test_a_fault_of_ours_still_shows_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as caught, one_line_errors():
        raise RuntimeError("unforeseen")
    assert caught.value.code == 1
    assert capsys.readouterr().err.endswith("RuntimeError: unforeseen\n")


def test_a_line_for_people_is_without_secrets_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", TOKEN)
    secrets.linode_token()
    print_line(console(), f"a proxy answered: {TOKEN} is refused")
    assert capsys.readouterr().out == "a proxy answered: *** is refused\n"


def test_ctrl_c_is_not_success() -> None:
    with pytest.raises(Exit) as caught, one_line_errors():
        raise KeyboardInterrupt
    assert caught.value.code == 130


def test_every_kind_of_error_has_an_exit_status_of_its_own() -> None:
    assert sorted(kind.exit_code for kind in KINDS) == [*range(1, 10)]
