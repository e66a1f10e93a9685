"""Weights from the Hub, asked of a Hub on loopback: what comes, what never comes, and what a fault costs."""

import json
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from templates import program
from tests.templates.conftest import OnBox
from tests.templates.hub import COMMIT, Hub, running

PIECE = 1000
WEIGHTS = random.Random(1).randbytes(3500)
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model-1.safetensors": WEIGHTS,
    "model-2.safetensors": WEIGHTS[::-1],
    "tokenizer.model": b"tokens",
    "chat_template.jinja": b"{{ messages }}",
    "merges.txt": b"a b",
    "pytorch_model.bin": b"pickle" * 50,
    "modeling_tiny.py": b"import os",
    "README.md": b"words",
    "original/model.safetensors": WEIGHTS,
}
WANTED = {
    "config.json",
    "model-1.safetensors",
    "model-2.safetensors",
    "tokenizer.model",
    "chat_template.jinja",
    "merges.txt",
}


@pytest.fixture
def hub(onbox: OnBox) -> Iterator[Hub]:
    """A Hub with one small model in two pieces, to which the box's environment points."""
    with running(Hub(dict(FILES))) as hub:
        onbox.environment |= {"HF_ENDPOINT": hub.url, "DAYBOX_PIECE": str(PIECE), "DAYBOX_PAUSE": "0.01"}
        yield hub


def download(onbox: OnBox) -> subprocess.CompletedProcess[str]:
    """The stage as it runs on a box: `weights`, which calls `download`."""
    onbox.install("download")
    return onbox.run("weights")


def brought(onbox: OnBox) -> dict[str, bytes]:
    folder = onbox.root / "var/lib/daybox/models/tiny"
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")} if folder.exists() else {}


def test_only_what_vllm_reads_comes_and_every_byte_of_it_is_right(onbox: OnBox, hub: Hub) -> None:
    done = download(onbox)
    assert done.returncode == 0, done.stderr
    assert brought(onbox) == {name: FILES[name] for name in WANTED}
    assert f"@word some/tiny at {COMMIT[:12]}, 0.00 GiB, every digest checked\n" in done.stdout
    assert f"@bytes {sum(len(FILES[name]) for name in WANTED)}\n" in done.stdout


def test_pickle_and_code_are_not_even_asked_for(onbox: OnBox, hub: Hub) -> None:
    download(onbox)
    asked = " ".join(hub.requests + hub.store_requests)
    assert not [name for name in FILES if name not in WANTED and name in asked]


def test_a_model_in_a_form_that_runs_code_when_loaded_is_refused(onbox: OnBox, hub: Hub) -> None:
    hub.files = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    done = download(onbox)
    assert done.returncode == 1
    assert done.stderr == "some/tiny has no safetensors, and what else it has is never loaded: pytorch_model.bin\n"
    assert brought(onbox) == {}


def test_of_many_files_that_are_never_loaded_the_first_are_named(onbox: OnBox, hub: Hub) -> None:
    hub.files = {"README.md": b"", **{f"model-{number}.gguf": b"" for number in range(9)}}
    assert download(onbox).stderr == (
        "some/tiny has no safetensors, and what else it has is never loaded: model-0.gguf, model-1.gguf, model-2.gguf\n"
    )


def test_a_model_without_weights_says_so(onbox: OnBox, hub: Hub) -> None:
    hub.files = {"config.json": b"{}", "original/model.safetensors": WEIGHTS}
    assert download(onbox).stderr == "some/tiny has no safetensors at its top level\n"


def test_a_model_with_code_of_its_own_is_refused_before_its_weights_come(onbox: OnBox, hub: Hub) -> None:
    hub.files["config.json"] = b'{"auto_map": {"AutoModelForCausalLM": "modeling_tiny.Tiny"}}'
    done = download(onbox)
    assert done.returncode == 1
    assert done.stderr == "some/tiny needs code of its own (auto_map in config.json), which is never run\n"
    assert brought(onbox) == {}
    assert hub.store_requests == []


def test_a_config_that_is_not_json_is_named(onbox: OnBox, hub: Hub) -> None:
    hub.files["config.json"] = b"model_type: tiny"
    assert download(onbox).stderr == "config.json of some/tiny is not JSON\n"


@pytest.mark.parametrize("config", [b'{"auto_map": {}}', b'{"auto_map": null}', b"[]"])
def test_a_model_that_asks_for_no_code_comes(onbox: OnBox, hub: Hub, config: bytes) -> None:
    hub.files["config.json"] = config
    assert download(onbox).returncode == 0


def test_small_files_come_before_the_weights(onbox: OnBox, hub: Hub) -> None:
    download(onbox)
    weights = ["safetensors" in request for request in hub.requests if "/resolve/" in request]
    assert weights == sorted(weights)


def test_a_second_run_asks_the_hub_nothing_and_says_so(onbox: OnBox, hub: Hub) -> None:
    download(onbox)
    hub.requests.clear()
    assert download(onbox).stdout.startswith("@outcome already\n@word ")
    assert hub.requests == []


def test_a_branch_is_resolved_once_and_then_stays(onbox: OnBox, hub: Hub) -> None:
    download(onbox)
    hub.commit = "d" * 40
    assert "@outcome already" in download(onbox).stdout
    record = onbox.root / f"var/lib/daybox/models/.tiny-{COMMIT}/.daybox.json"
    assert json.loads(record.read_text()) == ["some/tiny", "main", COMMIT]


def test_a_pinned_revision_is_taken_at_its_word(onbox: OnBox, hub: Hub) -> None:
    onbox.facts(model={"revision": COMMIT})
    assert download(onbox).returncode == 0
    assert not [path for path in hub.requests if "/revision/" in path]


def test_another_revision_replaces_the_first_at_once(onbox: OnBox, hub: Hub) -> None:
    download(onbox)
    hub.commit, hub.files = "d" * 40, {**FILES, "config.json": b'{"model_type": "tony"}'}  # of the same length
    onbox.facts(model={"revision": "d" * 40})
    download(onbox)
    assert brought(onbox)["config.json"] == b'{"model_type": "tony"}'


def bytes_asked(requests: list[str]) -> int:
    ranges = [request.split("bytes=")[1].split()[0].split("-") for request in requests if "bytes=" in request]
    return sum(int(end) - int(start) + 1 for start, end in ranges)


def test_what_was_cut_off_goes_on_where_it_stopped(onbox: OnBox, hub: Hub) -> None:
    hub.cut_after = 4200  # of 7000
    assert download(onbox).returncode == 1
    assert brought(onbox) == {}, "half a model is no model"
    hub.cut_after = 10**12
    hub.store_requests.clear()
    assert download(onbox).returncode == 0
    assert brought(onbox) == {name: FILES[name] for name in WANTED}
    assert bytes_asked(hub.store_requests) <= 7000 - 2 * PIECE


def test_a_connection_that_breaks_once_goes_on_by_itself(onbox: OnBox, hub: Hub) -> None:
    hub.cut_after, hub.cuts = 4200, 1
    assert download(onbox).returncode == 0
    assert brought(onbox) == {name: FILES[name] for name in WANTED}


def test_a_connection_that_always_breaks_ends_the_stage_and_names_the_file(onbox: OnBox, hub: Hub) -> None:
    hub.cut_after = 0
    assert re.match(r"model-\d.safetensors: cut off 6 times, last after \d+ of 3500 bytes\n", download(onbox).stderr)


def test_wrong_bytes_are_thrown_away_and_named(onbox: OnBox, hub: Hub) -> None:
    hub.wrong["model-1.safetensors"] = WEIGHTS[:-1] + b"!"
    done = download(onbox)
    assert done.returncode == 1
    assert done.stderr.startswith("model-1.safetensors: the Hub announced digest ")
    hub.wrong.clear()
    assert download(onbox).returncode == 0
    assert brought(onbox)["model-1.safetensors"] == WEIGHTS


def test_a_small_file_is_checked_as_well_as_a_large_one(onbox: OnBox, hub: Hub) -> None:
    hub.wrong["config.json"] = b'{"model_type": "evil"}'
    assert download(onbox).stderr.startswith("config.json: the Hub announced digest ")


def test_a_gated_model_names_the_variable_where_a_token_belongs(onbox: OnBox, hub: Hub) -> None:
    hub.token = "hf_secret"
    done = download(onbox)
    assert done.returncode == 1
    assert done.stderr == (
        "some/tiny is gated, private or not there (HTTP 401); with a token that may read it in HF_TOKEN,"
        " `fab bootstrap` tries again\n"
    )


def test_a_token_opens_a_gated_model_and_reaches_nobody_but_the_hub(onbox: OnBox, hub: Hub) -> None:
    hub.token = "hf_secret"
    onbox.write("run/daybox/hub-token", "hf_secret\n", 0o600)
    done = download(onbox)
    assert done.returncode == 0
    assert hub.store_requests and not [request for request in hub.store_requests if "hf_secret" in request]
    assert "hf_secret" not in done.stdout + done.stderr


def test_a_token_that_cannot_be_sent_is_not_told_to_the_journal(onbox: OnBox, hub: Hub) -> None:
    """Python says which header it refuses, and the header is the token."""
    onbox.write("run/daybox/hub-token", "hf_sec\nret\n", 0o600)
    assert download(onbox).stderr == (
        "some/tiny: api/models/some/tiny/revision/main: HF_TOKEN is no token that can be sent\n"
    )


def test_a_model_that_does_not_exist_is_named(onbox: OnBox, hub: Hub) -> None:
    hub.faults = [404]
    assert download(onbox).stderr == "some/tiny: api/models/some/tiny/revision/main: HTTP Error 404: Not Found\n"


def test_a_busy_hub_is_asked_again(onbox: OnBox, hub: Hub) -> None:
    hub.faults = [429, 500, 503]
    assert download(onbox).returncode == 0


def test_a_hub_that_stays_away_ends_the_stage(onbox: OnBox, hub: Hub) -> None:
    hub.faults = [503] * 100
    assert "HTTP Error 503" in download(onbox).stderr


def test_a_model_larger_than_the_disk_is_refused_before_its_first_byte(onbox: OnBox, hub: Hub) -> None:
    del onbox.environment["DAYBOX_PIECE"]
    hub.row = lambda path: {"type": "file", "path": path, "size": 2**44, "oid": "0"}  # type: ignore[method-assign]
    done = download(onbox)
    assert done.returncode == 1
    assert f"the disk of {onbox.root}/var/lib/daybox/models has " in done.stderr
    assert not [path for path in hub.requests if "/resolve/" in path]


def test_of_a_volume_that_is_too_small_the_ways_out_are_named(onbox: OnBox, hub: Hub) -> None:
    """As when the catalog pins another revision: the last one fills it."""
    del onbox.environment["DAYBOX_PIECE"]
    onbox.write("opt/daybox/volume", "/dev/disk/by-id/x\n")
    hub.row = lambda path: {"type": "file", "path": path, "size": 2**44, "oid": "0"}  # type: ignore[method-assign]
    assert re.search(
        " GiB; `fab doctor --fix` removes other models and revisions, "
        "or `pulumi config set daybox:volumeGib [0-9]{5,6}` and `pulumi up` enlarge it with the box's next boot\n$",
        download(onbox).stderr,
    )


def test_an_empty_file_is_a_file(onbox: OnBox, hub: Hub) -> None:
    hub.files["merges.txt"] = b""
    assert download(onbox).returncode == 0
    assert brought(onbox)["merges.txt"] == b""


def test_a_download_waits_for_its_program_which_arming_brings(onbox: OnBox, hub: Hub) -> None:
    stage = subprocess.Popen(
        [onbox.install("weights")], env=onbox.full_environment(), stdout=subprocess.PIPE, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        stage.wait(0.5)
    onbox.install("download")
    assert "every digest checked" in stage.communicate(timeout=20)[0]


def hand_in(onbox: OnBox) -> Path:
    return onbox.write("var/cache/daybox/models/tiny/config.json", "{}").parent


def test_what_the_cloud_hands_in_is_used_as_it_is(onbox: OnBox, hub: Hub) -> None:
    folder = hand_in(onbox)
    done = onbox.run("weights")
    assert (onbox.root / "var/lib/daybox/models/tiny").resolve() == folder.resolve()
    assert done.stdout == f"@word {folder.resolve()}\n"
    assert hub.requests == []


def test_what_was_handed_in_is_linked_once(onbox: OnBox) -> None:
    hand_in(onbox)
    onbox.run("weights")
    assert onbox.run("weights").stdout.startswith("@outcome already\n")


PLANNER = {"name": "planner", "hub_id": "some/planner", "revision": "main", "served": "daybox-planner"}


def test_both_models_come_one_after_the_other(onbox: OnBox, hub: Hub) -> None:
    onbox.facts(architect=PLANNER)
    done = download(onbox)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (onbox.root / "var/lib/daybox/models/planner").glob("[!.]*")} == WANTED
    assert set(brought(onbox)) == WANTED
    assert f"@word some/tiny at {COMMIT[:12]}, 0.00 GiB; some/planner at {COMMIT[:12]}, 0.00 GiB, every" in done.stdout
    assert download(onbox).stdout.startswith("@outcome already\n")


def test_of_two_models_only_what_is_missing_comes(onbox: OnBox, hub: Hub) -> None:
    download(onbox)
    hub.requests.clear()
    onbox.facts(architect=PLANNER)
    assert "some/planner" in download(onbox).stdout
    assert hub.requests and not [request for request in hub.requests if "some/tiny" in request]


def test_of_two_models_one_may_be_handed_in(onbox: OnBox, hub: Hub) -> None:
    onbox.write("var/cache/daybox/models/tiny/model.safetensors", "handed in")
    onbox.facts(architect=PLANNER)
    assert download(onbox).returncode == 0
    assert not [request for request in hub.requests if "some/tiny" in request]
    assert (onbox.root / "var/lib/daybox/models/tiny").readlink() == onbox.root / "var/cache/daybox/models/tiny"


def test_two_models_that_do_not_fit_the_disk_together_are_refused_before_the_first_byte(onbox: OnBox, hub: Hub) -> None:
    """Each alone would: the first would come, and the second break off after gigabytes."""
    onbox.facts(architect=PLANNER)
    size = sum(len(FILES[name]) for name in WANTED)
    text = program("download").replace("SPARE = 2 << 30", f"SPARE = shutil.disk_usage(ROOT).free - {3 * size // 2}")
    onbox.install("download", text)
    done = onbox.run("weights")
    assert done.returncode == 1 and "GiB free, the models need " in done.stderr
    assert not hub.store_requests
