"""What a doctor shows: wrong first, at width 80, as text; and the same for programs."""

import io
from dataclasses import replace

from rich.console import Console

from playbooks.doctor_check import Check, Detail
from playbooks.doctor_view import lines, row, show, summary
from playbooks.log_causes import Diagnosis
from stacks.errors import ConfigError, ModelError

CHECKS = [
    Check("laptop/ssh", "ok", "OpenSSH_9.2", "", ConfigError),
    Check("box/gpu", "not-applicable", "no GPU", "", ConfigError),
    Check("box/disk", "unknown", "the box could not say", "see `fab ssh`", ConfigError),
    Check("box/log", "wrong", "kv-too-small: [red]max seq len[/]", "fab doctor --fix", ModelError),
]
WHY = Diagnosis("kv-too-small", "max seq len (8)", "set the context to 4", {"longest_context": 4})


def test_what_is_wrong_comes_first_and_its_cure_stands_under_it() -> None:
    assert lines(CHECKS) == [
        ("WRONG", "box/log", "kv-too-small: [red]max seq len[/]"),
        ("", "", "-> fab doctor --fix"),
        ("unknown", "box/disk", "the box could not say"),
        ("", "", "-> see `fab ssh`"),
        ("ok", "laptop/ssh", "OpenSSH_9.2"),
        ("-", "box/gpu", "no GPU"),
    ]


def test_nothing_is_lost_on_a_narrow_screen_and_nothing_is_markup() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    long = Check("box/disk", "wrong", "word " * 40 + "end", "cure", ConfigError)
    show(Console(file=out, width=80, no_color=True, force_terminal=False), [*CHECKS, long], WHY)
    text = out.getvalue()
    assert max(map(len, text.splitlines()[:-2])) <= 80
    assert "[red]max seq len[/]" in text and text.count("word") == 40 and "end" in text
    assert text.splitlines()[-2:] == [
        "vLLM: kv-too-small: max seq len (8); set the context to 4",
        "2 wrong, 1 unknown, 1 ok, 1 not-applicable",
    ]


def test_a_path_that_is_longer_than_its_column_is_broken_and_not_cut() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out, place = Terminal(), "/home/me/" + "a-long-folder/" * 6 + ".env"
    check = replace(CHECKS[0], state="wrong", details=(Detail(place, ("OPENAI_BASE_URL",), "overruled"),))
    show(Console(file=out, width=80, no_color=True, force_terminal=False), [check], None)
    assert place in "".join(line.strip() for line in out.getvalue().splitlines())


def test_a_healthy_log_needs_no_line_of_its_own() -> None:
    out = io.StringIO()
    show(Console(file=out), CHECKS[:1], Diagnosis("healthy", "Application startup complete.", "nothing", {}))
    assert "vLLM:" not in out.getvalue()


def test_programs_get_checks_and_diagnosis() -> None:
    assert row("local", CHECKS[:1], WHY) == {
        "stack": "local",
        "checks": [{"name": "laptop/ssh", "state": "ok", "fact": "OpenSSH_9.2", "cure": ""}],
        "diagnosis": {
            "cause": "kv-too-small",
            "evidence": "max seq len (8)",
            "cure": "set the context to 4",
            "details": {"longest_context": 4},
        },
    }
    assert row(None, [], None) == {"stack": None, "checks": [], "diagnosis": None}


def test_states_that_nothing_has_are_not_counted() -> None:
    assert summary(CHECKS[:1]) == "1 ok"
