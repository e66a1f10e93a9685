"""What is prepared, in which order, and what is said of it; nothing is made here."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.cloud import prepare
from scripts.cloud.parts import Part
from stacks.errors import CloudError, NotReadyError, UsageError

NAMES = ["rootfs", "site", "image", "model", "first-run"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path))
    return tmp_path


def have(cache: Path, *names: str) -> None:
    """Pretend that these parts are made."""
    for name in names:
        prepare.parts(cache)[name].target.mkdir(parents=True)


def test_every_part_comes_after_what_it_needs(cache: Path) -> None:
    names = list(prepare.parts(cache))
    assert names == NAMES
    for part in prepare.parts(cache).values():
        assert all(names.index(need) < names.index(part.name) for need in part.needs)


def test_no_two_parts_share_a_place(cache: Path) -> None:
    assert len({part.target for part in prepare.parts(cache).values()}) == len(NAMES)


def test_check_names_what_is_missing_and_how_much_it_would_fetch(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    have(cache, "rootfs", "image")
    with pytest.raises(NotReadyError) as caught:
        prepare.main(check=True)
    assert caught.value.fact == "prepare: not there: site, model, first-run"
    assert "site       vLLM for the CPU           missing, about 2817 MiB to fetch" in capsys.readouterr().out


def test_a_second_run_makes_nothing_and_says_so(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    have(cache, *NAMES)
    prepare.main()
    prepare.main(check=True)
    assert capsys.readouterr().out.startswith("prepare: everything is there\n")


def test_one_part_may_be_asked_for_with_what_it_needs(cache: Path) -> None:
    have(cache, "rootfs", "image")
    prepare.main(["image"])
    with pytest.raises(NotReadyError, match=r"not there: site, model$"):
        prepare.main(["model"], check=True)


def test_an_unknown_part_is_answered_with_the_choice(cache: Path) -> None:
    with pytest.raises(UsageError) as caught:
        prepare.main(["kernel"])
    assert caught.value.line() == ("prepare: no part 'kernel'; choose from: rootfs, site, image, model, first-run")


def test_making_needs_root_and_says_what_does_not(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(CloudError, match="boxes need root"):
        prepare.main()


def pretend(cache: Path, monkeypatch: pytest.MonkeyPatch, build: Callable[[Path], None]) -> None:
    """Let the only part be one that is made by `build`."""
    monkeypatch.setattr(prepare, "parts", lambda _cache: {"one": Part("one", "a file", cache / "one", build)})
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_what_is_made_is_told_with_its_seconds(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(cache, monkeypatch, Path.touch)
    prepare.main()
    assert re.match(r"  one        a file                     \d\.\d s\n  all ", capsys.readouterr().out)


def test_ctrl_c_is_not_a_traceback(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_target: Path) -> None:
        raise KeyboardInterrupt

    pretend(cache, monkeypatch, interrupt)
    with pytest.raises(SystemExit) as caught:
        prepare.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "prepare: stopped; run it again to go on, what is complete is kept\n"


def test_a_box_is_handed_what_there_is_and_no_more(cache: Path) -> None:
    assert prepare.handed_in(cache) == {}
    have(cache, "site", "first-run")
    assert list(prepare.handed_in(cache)) == ["site", "vllm-cache"]


def test_the_image_appears_under_the_name_that_the_catalog_has(cache: Path) -> None:
    have(cache, "image", "model")
    assert list(prepare.handed_in(cache)) == ["image/vllm-cpu.tar", "models/smollm2-135m", "models/smollm2-135m-twin"]
