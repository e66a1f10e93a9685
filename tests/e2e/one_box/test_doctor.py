"""`fab doctor` on a real box with the real vLLM: what is right, what was broken by hand, and what cures it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from templates import program
from tests.laptop import Laptop

MODEL, CONFIG, USAGE = 6, 3, 2  # exit statuses
# Sizing knows nothing of it, as of a card that has less free than its data sheet says: 16 blocks of 128 tokens.
LESS_CACHE = '"--num-gpu-blocks-override=16",\n    "--enforce-eager",'


def examined(laptop: Laptop, words: str = "", status: int = 0) -> dict[str, Any]:
    """What `fab doctor --json` says; the checks by name."""
    done = laptop.run(f"fab doctor --json {words}")
    assert done.status == status, f"{done.out}\n{done.err}"
    told: dict[str, Any] = json.loads(done.out)
    return told | {"checks": {row["name"]: row for row in told["checks"]}}


def wrong(told: dict[str, Any]) -> set[str]:
    return {name for name, row in told["checks"].items() if row["state"] == "wrong"}


@contextmanager
def too_little_cache(laptop: Laptop) -> Iterator[None]:
    """This checkout gives vLLM less cache than its context needs; afterwards all is as it was, on the box, too."""
    catalog = laptop.root / "stacks/catalog.py"
    before = catalog.read_text()
    assert '"--enforce-eager",' in before
    try:
        with laptop.settings_put_back():
            catalog.write_text(before.replace('"--enforce-eager",', LESS_CACHE, 1))
            yield
    finally:
        catalog.write_text(before)
        laptop.up().ok()
        laptop.run("fab bootstrap --yes").ok()


def test_nothing_is_wrong_with_a_box_that_works(laptop: Laptop, repository: Path) -> None:
    told = examined(laptop)
    assert wrong(told) == set()
    assert {row["state"] for row in told["checks"].values()} == {"ok", "not-applicable"}
    assert told["checks"]["box/gpu"]["fact"] == "no GPU: local-cpu has none"
    assert (told["stack"], told["diagnosis"]["cause"]) == ("local", "healthy")


def test_a_completion_for_the_doctor_is_no_work(laptop: Laptop, repository: Path) -> None:
    before = json.loads(laptop.on_box("cat /var/lib/daybox/own-work.json"))
    examined(laptop)
    after = json.loads(laptop.on_box("cat /var/lib/daybox/own-work.json"))
    assert after["began"] == before["began"] and after["work"] > before["work"]


def test_for_people_it_is_a_table_that_ends_with_the_sum(laptop: Laptop, repository: Path) -> None:
    done = laptop.run("fab doctor").ok()
    assert done.out.splitlines()[-1].endswith("not-applicable")
    assert "WRONG" not in done.out


def test_a_repository_that_leads_elsewhere_is_named_and_overruled(laptop: Laptop, repository: Path) -> None:
    (repository / ".env").write_text("OPENAI_BASE_URL=http://192.0.2.1/v1\nhttp_proxy=http://192.0.2.1\nno_proxy=\n")
    try:
        done = laptop.run("fab doctor --json", repository)
    finally:
        (repository / ".env").unlink()
    told = {row["name"]: row for row in json.loads(done.out)["checks"]}
    assert (done.status, [name for name, row in told.items() if row["state"] == "wrong"]) == (CONFIG, ["client/aider"])
    seen = {"place": f"{repository}/.env", "names": ["OPENAI_BASE_URL", "http_proxy"], "effect": "overruled", "why": ""}
    assert told["client/aider"]["conflicts"] == [seen]


def test_a_container_that_somebody_stopped_is_said_and_started_again(laptop: Laptop, repository: Path) -> None:
    laptop.on_box("docker stop vllm")
    told = examined(laptop, status=MODEL)
    assert {"box/container", "box/models", "box/completion"} <= wrong(told)
    assert told["checks"]["box/container"]["fact"].startswith("exited, exit code 0")
    assert told["diagnosis"]["cause"] == "stopped-cleanly"
    assert wrong(examined(laptop, "--fix --yes")) == set()
    assert laptop.ask().status_code == 200


def test_a_context_that_the_cache_does_not_hold_is_named_and_cured(laptop: Laptop, repository: Path) -> None:
    """Of three starts of vLLM none succeeds; then the doctor gives it the context that it names itself."""
    file = laptop.root / "stacks/Pulumi.local.yaml"
    with too_little_cache(laptop):
        before = file.read_text()
        failed = laptop.run("fab bootstrap --yes").failed()
        assert "box/vllm: kv-too-small: ValueError: To serve at least one request" in failed
        assert "or `fab doctor --fix`, which cures what it safely can" in failed

        told = examined(laptop, status=MODEL)
        longest = told["diagnosis"]["details"]["longest_context"]
        assert told["diagnosis"]["cause"] == "kv-too-small" and 1024 < longest < 4096
        assert {"box/stages", "box/container", "box/log"} <= wrong(told)

        asked = laptop.run("fab doctor --fix")
        assert asked.status == USAGE and "say --yes" in asked.err and file.read_text() == before

        fixed = laptop.run("fab doctor --fix --yes").ok()
        assert f"in place of 4096: vLLM names {longest} as the longest" in fixed.err
        context = int(json.loads(laptop.must("pulumi config -s local --json"))["daybox:context"]["value"])
        assert longest - 256 < context <= longest
        assert laptop.ask().status_code == 200
        told = examined(laptop)
        assert f"with a window of {context} tokens" in told["checks"]["box/models"]["fact"]
        laptop.must("pulumi preview -s local --non-interactive --expect-no-changes")


def test_what_frees_a_disk_takes_an_old_model_and_leaves_the_stacks_own(laptop: Laptop, repository: Path) -> None:
    """As `--fix` runs it for a full disk, which cannot be had here: the box lies on this machine's own."""
    laptop.on_box("cd /var/lib/daybox/models && mkdir .old-1 && head -c 64M /dev/zero >.old-1/model.safetensors")
    rows = json.loads(laptop.on_box("python3 -", stdin=program("free")))
    assert [row["why"] for row in rows] == ["", "", "", ""]
    assert laptop.on_box("ls -A /var/lib/daybox/models") == "smollm2-135m\n"
    assert laptop.ask().status_code == 200


def test_the_box_is_as_it_was(laptop: Laptop, repository: Path) -> None:
    told = examined(laptop)
    assert "with a window of 4096 tokens" in told["checks"]["box/models"]["fact"]


@pytest.mark.parametrize("log", ["/etc/hostname", "-"])
def test_a_log_is_judged_without_any_box(laptop: Laptop, log: str) -> None:
    done = laptop.run(f"fab doctor --log {log} --json")
    assert (done.status, json.loads(done.out)["cause"]) == (MODEL, "unknown")
