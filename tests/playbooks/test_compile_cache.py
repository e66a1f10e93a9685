"""Which compile caches are kept, under which name, and when one is carried at all."""

import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks import compile_cache
from playbooks.compile_cache import Orders, compiles, folder, forget, kept, key, parts_of, prune
from stacks.box import Box
from tests.playbooks.pretend_box import BOX
from tests.shipped import settings_of

CARD = "2 x NVIDIA RTX 4000 Ada Generation, 580"


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))


def keep(name: str, size: int = 10, used: float = 1000.0) -> Path:
    file = folder() / f"{name}.tar.gz"
    file.write_bytes(bytes(size))
    file.with_name(f"{name}.json").write_text("{}")
    os.utime(file, (used, used))
    return file


def key_of(tmp_path: Path, stack: str = "coder-30b", card: str = CARD, **changes: str) -> str:
    return key(parts_of(settings_of(stack, tmp_path, **changes)), card)


def test_the_same_engine_model_flags_and_card_have_the_same_key(tmp_path: Path) -> None:
    assert key_of(tmp_path) == key_of(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [{"context": "16384"}, {"model": "qwen3-coder-30b-awq"}, {"vllmArgs": "--no-enable-prefix-caching"}],
    ids=str,
)
def test_another_flag_or_model_has_another_key(tmp_path: Path, changes: dict[str, str]) -> None:
    assert key_of(tmp_path, **changes) != key_of(tmp_path)


def test_another_card_or_driver_has_another_key(tmp_path: Path) -> None:
    cards = [CARD, CARD.replace("2 x", "1 x"), CARD.replace("580", "590"), CARD.replace("4000", "6000")]
    assert len({key_of(tmp_path, card=card) for card in cards}) == len(cards)


def test_another_vllm_has_another_key(tmp_path: Path) -> None:
    settings = settings_of("coder-30b", tmp_path)
    image, *rest = parts_of(settings)
    assert key([image, *rest], CARD) != key(["vllm/vllm-openai:v0.34.0", *rest], CARD)


@pytest.mark.parametrize(
    ("words", "does"),
    [
        ([], True),
        (["--enforce-eager"], False),
        (["--enforce-eager", "--no-enforce-eager"], True),
        (["--no-enforce-eager", "--enforce-eager"], False),
    ],
    ids=str,
)
def test_an_eager_vllm_compiles_nothing(words: list[str], does: bool) -> None:
    assert compiles(words) is does


def test_a_cache_without_its_note_is_none(tmp_path: Path) -> None:
    file = keep("a")
    assert kept("a") == file
    file.with_name("a.json").unlink()
    assert kept("a") is None
    assert kept("b") is None


def test_those_that_were_not_used_for_longest_go_first() -> None:
    for name, used in (("old", 1000), ("older", 500), ("new", 2000)):
        keep(name, used=used)
    kept("older")  # used now
    prune(20)
    assert sorted(file.name for file in folder().iterdir()) == [
        *("new.json", "new.tar.gz"),
        *("older.json", "older.tar.gz"),
    ]


def test_what_a_killed_carrier_left_goes_after_a_day_and_what_comes_now_stays() -> None:
    for name, age in ((".old.1", 90_000), (".new.2", 60)):
        (folder() / name).touch()
        os.utime(folder() / name, (time.time() - age,) * 2)
    prune()
    assert [file.name for file in folder().iterdir()] == [".new.2"]


def test_a_forgotten_one_leaves_nothing() -> None:
    forget(keep("a"))
    assert list(folder().iterdir()) == []


def test_nobody_else_may_write_what_boxes_will_run() -> None:
    assert stat.S_IMODE(folder().stat().st_mode) == 0o700


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Orders]:
    """The orders that carriers were given."""
    orders: list[Orders] = []
    monkeypatch.setattr(compile_cache, "send", orders.append)
    return orders


BIG: Box = replace(BOX, stack="coder-30b")


def test_a_carrier_is_sent_once_for_a_lease_and_its_bundle(tmp_path: Path, sent: list[Orders]) -> None:
    settings = settings_of("coder-30b", tmp_path)
    compile_cache.start(BIG, settings, "f" * 64)
    [orders] = sent
    done = tmp_path / "state/stacks/coder-30b/compile-cache.done"
    done.write_text(orders.began)
    compile_cache.start(BIG, settings, "f" * 64)
    assert len(sent) == 1
    compile_cache.start(BIG, settings, "e" * 64)
    assert len(sent) == 2


def test_nothing_is_carried_where_a_volume_keeps_it_or_nothing_is_compiled(tmp_path: Path, sent: list[Orders]) -> None:
    compile_cache.start(BIG, settings_of("coder-30b", tmp_path, volume="true"), "f" * 64)
    compile_cache.start(BOX, settings_of("local", tmp_path), "f" * 64)
    assert sent == []


def test_a_second_model_is_part_of_what_is_compiled(tmp_path: Path) -> None:
    changes = {"plan": "g2-gpu-rtx4000a2-s", "context": "8192"}
    one = key_of(tmp_path, "coder-14b", **changes)
    assert key_of(tmp_path, "coder-14b", architect="qwen2.5-coder-7b-awq", **changes) != one
