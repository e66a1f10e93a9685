"""Usage as it is kept: added up, over restarts, whatever happens to its file."""

import json
import stat
import time
from pathlib import Path

import pytest

from playbooks import usage
from playbooks.keys import locked
from playbooks.usage import Row, UsageFile, Used, append, by_the_day, note, read_rows, shorten, sums, tried
from tests.playbooks.full_disk import room_for

DAY = 86_400.0
OLD = {"aider": {"requests": 3, "failed": 1, "prompt_tokens": 11, "completion_tokens": 7}}


def kept(folder: Path) -> dict[str, Used]:
    return sums(read_rows(folder))


def test_usage_adds_up_and_survives_a_restart(tmp_path: Path) -> None:
    first = UsageFile(tmp_path)
    first.add("aider", Used(requests=1, prompt_tokens=11, completion_tokens=7))
    first.add("aider", Used(requests=1))
    first.save()
    second = UsageFile(tmp_path)
    second.add("aider", Used(requests=1, failed=1))
    second.save()
    assert kept(tmp_path) == {"aider": Used(requests=3, failed=1, prompt_tokens=11, completion_tokens=7)}
    assert second.by_client == kept(tmp_path)


def test_what_a_client_does_in_a_second_is_one_line(tmp_path: Path) -> None:
    """Else a page that knocks all day would fill the disk."""
    file = UsageFile(tmp_path)
    for _ in range(1000):
        file.add(usage.NOBODY, Used(refused=1))
    file.save()
    file.save()
    assert [row.used for row in read_rows(tmp_path)] == [Used(refused=1000)]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    append(tmp_path, [Row(1.0, "aider", Used(requests=1))])
    assert stat.S_IMODE((tmp_path / "usage.jsonl").stat().st_mode) == 0o600


def test_nothing_is_written_where_nothing_was_used(tmp_path: Path) -> None:
    UsageFile(tmp_path).save()
    assert list(tmp_path.iterdir()) == []


def test_what_an_older_daybox_counted_is_read_on(tmp_path: Path) -> None:
    (tmp_path / "usage.json").write_text(json.dumps(OLD))
    file = UsageFile(tmp_path)
    file.add("aider", Used(requests=1, prompt_tokens=1))
    file.save()
    assert kept(tmp_path) == {"aider": Used(requests=4, failed=1, prompt_tokens=12, completion_tokens=7)}
    assert read_rows(tmp_path)[0].day == "earlier"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"aider": 3}', '{"aider": {"x": 1}}'])
def test_a_damaged_file_of_an_older_daybox_counts_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "usage.json").write_text(text)
    assert read_rows(tmp_path) == []


@pytest.mark.parametrize(
    "line",
    [
        *("", "[]", "{", '"x"', '{"at": 1}', '{"at": "x", "client": "a"}', '{"at": 1, "client": "a", "requests": "x"}'),
        *('{"at": 1, "client": "a", "requests": 1e999}', "[" * 99_999),
        *(f'{{"at": {at}, "client": "a", "requests": 1}}' for at in ("1e999", "1e30", "NaN", "-1", "1" + "0" * 400)),
    ],
)
def test_a_damaged_line_is_left_out_and_the_others_count(tmp_path: Path, line: str) -> None:
    row = Row(1.0, "aider", Used(requests=1))
    (tmp_path / "usage.jsonl").write_text(f"{row.line()}{line}\n{row.line()}")
    assert kept(tmp_path) == {"aider": Used(requests=2)}


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    (tmp_path / "usage.jsonl").write_text('{"at": 1, "cli')
    append(tmp_path, [Row(1.0, "aider", Used(requests=1))])
    assert kept(tmp_path) == {"aider": Used(requests=1)}


@pytest.mark.parametrize("room", [0, 30, 100])
def test_a_full_disk_loses_nothing_and_counts_nothing_twice(tmp_path: Path, room: int) -> None:
    file = UsageFile(tmp_path)
    for client in ("aider", "llm", "pi"):
        file.add(client, Used(requests=1, prompt_tokens=12345))
    with room_for(room):
        file.save()
    assert read_rows(tmp_path) == []
    file.save()
    assert sum(kept(tmp_path).values(), Used()) == Used(requests=3, prompt_tokens=3 * 12345)


def test_a_row_is_what_its_line_says() -> None:
    row = Row(1790000000.25, "aider", Used(requests=1, cached_tokens=3), architect=True)
    assert Row.parsed(row.line()) == row
    assert row.day == "2026-09-21"


def test_what_is_older_than_any_lease_is_kept_by_the_day() -> None:
    one = Used(requests=1, prompt_tokens=5)
    rows = [Row(DAY + second, "aider", one) for second in (1.0, 2.0, DAY - 1)]
    rows += [Row(DAY, "aider", one, architect=True), Row(3 * DAY, "aider", one), Row(3 * DAY + 1, "aider", one)]
    assert by_the_day(rows, before=3 * DAY) == [
        Row(DAY, "aider", Used(requests=3, prompt_tokens=15)),
        Row(DAY, "aider", one, architect=True),
        *rows[-2:],
    ]


def test_a_large_file_is_shortened_and_its_sums_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(DAY + second, "aider", Used(requests=1)) for second in range(100)]
    append(tmp_path, rows)
    shorten(tmp_path, now=100 * DAY)
    assert len(read_rows(tmp_path)) == 100, "it is small"
    monkeypatch.setattr(usage, "LARGE_BYTES", 100)
    shorten(tmp_path, now=100 * DAY)
    assert read_rows(tmp_path) == [Row(DAY, "aider", Used(requests=100))]


def test_what_was_asked_past_the_gateway_is_noted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    note("s", "verify", Used(requests=1, completion_tokens=4))
    assert kept(tmp_path / "stacks/s/tunnel") == {"verify": Used(requests=1, completion_tokens=4)}


@pytest.mark.parametrize(
    ("before", "after", "made", "unanswered"),
    [
        ({}, {"requests": 3, "failed": 1}, 3, 1),
        (
            {"requests": 3, "failed": 1, "down": 0, "refused": 2},
            {"requests": 3, "failed": 1, "down": 2, "refused": 9},
            2,
            2,
        ),
    ],
)
def test_work_that_found_the_tunnel_down_was_tried_and_what_was_refused_was_no_work(
    before: dict[str, int], after: dict[str, int], made: int, unanswered: int
) -> None:
    assert tried(before, after) == (made, unanswered)


def test_unknown_is_not_zero() -> None:
    assert (Used().tokens_per_second, Used(requests=1, prompt_tokens=9).prefix_hits) == (None, None)
    used = Used(
        requests=1, prompt_tokens=10, cached_tokens=5, cache_known_tokens=10, completion_tokens=8, milliseconds=500
    )
    assert (used.tokens_per_second, used.prefix_hits) == (16.0, 0.5)


def test_who_answers_requests_waits_for_no_lock_and_loses_nothing(tmp_path: Path) -> None:
    usage = UsageFile(tmp_path)
    usage.add("aider", Used(requests=1))
    with locked(tmp_path / ".usage.lock"):
        began = time.monotonic()
        usage.save()
        assert time.monotonic() - began < 1
        assert kept(tmp_path) == {}
    usage.save()
    usage.save()
    assert kept(tmp_path) == {"aider": Used(requests=1)}


def test_a_large_file_that_another_holds_is_shortened_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playbooks.usage.LARGE_BYTES", 1)
    append(tmp_path, [Row(1.0, "aider", Used(requests=1))] * 2)
    with locked(tmp_path / ".usage.lock"):
        assert UsageFile(tmp_path).by_client == {"aider": Used(requests=2)}
