"""Errors are printed in one place: one line, the exit status of their kind."""

import pytest
from invoke.exceptions import Exit

from playbooks.command import one_line_errors
from stacks import errors
from stacks.errors import DayboxError, ModelError

KINDS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, DayboxError)]


def test_an_error_is_a_path_a_fact_and_a_way_out_on_one_line() -> None:
    with pytest.raises(Exit) as caught, one_line_errors():
        raise ModelError("box/vllm: it does not answer", hint="fab logs --of vllm")
    assert (caught.value.message, caught.value.code) == ("box/vllm: it does not answer; fab logs --of vllm", 6)


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_DEBUG", "1")
    with pytest.raises(ModelError), one_line_errors():
        raise ModelError("fact", hint="hint")


def test_ctrl_c_is_not_success() -> None:
    with pytest.raises(Exit) as caught, one_line_errors():
        raise KeyboardInterrupt
    assert caught.value.code == 130


def test_every_kind_of_error_has_an_exit_status_of_its_own() -> None:
    """8, "would leak", is of a command that is still to come."""
    assert sorted(kind.exit_code for kind in KINDS) == [*range(1, 8), 9]
