"""Recording: what passes, what is written down, who is let in."""

import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from playbooks.bench_record import Recorder, recording, whole_answer
from playbooks.bench_session import read_session
from playbooks.endpoint import Endpoint
from playbooks.tunnel_files import tunnel_dir
from playbooks.witness import witness_of
from stacks.errors import UsageError
from tests.laptop import wait_for
from tests.playbooks.fake_box import CLIENT_KEY, SERVED, GatewayWorld, gateway_world
from tests.playbooks.full_disk import room_for
from tests.playbooks.pretend_box import BOX
from tests.playbooks.stranger import says, stranger

KEY = {"Authorization": f"Bearer {CLIENT_KEY}"}
BODY = {"model": SERVED, "messages": [{"role": "user", "content": "my code"}]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GatewayWorld]:
    """A gateway with a box behind it."""
    with gateway_world(tmp_path) as made:
        yield made


def post(port: int, *, headers: dict[str, str] = KEY, **more: object) -> httpx.Response:
    """One request of a client."""
    with httpx.Client(trust_env=False, timeout=20) as client:
        return client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=BODY | more, headers=headers)


@pytest.mark.parametrize("stream", [True, False])
def test_the_answer_passes_and_is_written_down(world: GatewayWorld, tmp_path: Path, stream: bool) -> None:
    file = tmp_path / "mine.jsonl"
    with recording(Endpoint(world.port), file) as door:
        more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}
        direct, passed = post(world.port, **more), post(door.port, **more)
    assert passed.status_code == 200
    assert passed.text == direct.text
    [ask] = read_session(file).asks
    assert (list(ask.messages), ask.answer, ask.tokens) == (BODY["messages"], "ok", 7)


def test_the_file_is_for_its_owner_alone_and_whoever_records_is_told_what_it_holds(
    world: GatewayWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.jsonl"
    with recording(Endpoint(world.port), file) as door:
        post(door.port)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "it holds your code" in capsys.readouterr().err.replace("\n", " ")


def test_each_line_is_whole_before_the_session_ends(world: GatewayWorld, tmp_path: Path) -> None:
    """Ctrl-C, a lost laptop: what was recorded until then can be replayed."""
    file = tmp_path / "mine.jsonl"
    with recording(Endpoint(world.port), file) as door:
        post(door.port)
        wait_for(lambda: len(file.read_text().splitlines()) == 2)
        assert len(read_session(file).asks) == 1


def test_what_failed_and_what_only_tries_is_not_recorded(world: GatewayWorld, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    with recording(Endpoint(world.port), file) as door:
        assert post(door.port, headers={}).status_code == 401
        assert post(door.port, max_tokens=1).status_code == 200
    assert not file.exists()


def test_a_web_page_gets_nothing(world: GatewayWorld, tmp_path: Path) -> None:
    with recording(Endpoint(world.port), tmp_path / "mine.jsonl") as door:
        assert post(door.port, headers=KEY | {"Origin": "https://example.org"}).status_code == 403
        assert post(door.port, headers=KEY | {"Host": f"example.org:{door.port}"}).status_code == 403
    assert world.box.asked == []


def test_an_answer_that_breaks_off_breaks_off_here_too_and_is_not_recorded(world: GatewayWorld, tmp_path: Path) -> None:
    world.box.die_after = 2
    with recording(Endpoint(world.port), tmp_path / "mine.jsonl") as door, pytest.raises(httpx.HTTPError):
        post(door.port, stream=True)
    assert not (tmp_path / "mine.jsonl").exists()


def test_a_gateway_that_is_gone_is_said(tmp_path: Path) -> None:
    with gateway_world(tmp_path) as world:
        port_before = world.port
    with recording(Endpoint(port_before), tmp_path / "mine.jsonl") as door:
        answer = post(door.port)
    assert answer.status_code == 503
    assert "does not answer" in json.loads(answer.text)["error"]["message"]


def test_another_program_in_the_gateways_place_gets_neither_aiders_key_nor_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the port while aider runs: it was not there when the tunnel was tried."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    with gateway_world(tunnel_dir("s"), witness=lambda port: witness_of(replace(BOX, stack="s", port=port))) as world:
        meant = Endpoint(world.port, witness=witness_of(replace(BOX, stack="s", port=world.port)))
        with recording(meant, tmp_path / "mine.jsonl") as door:
            assert post(door.port).status_code == 200
    with stranger(world.port, lambda _: says({})) as other, recording(meant, tmp_path / "other.jsonl") as door:
        answer = post(door.port)
    assert answer.status_code == 503
    assert "another program answers there" in json.loads(answer.text)["error"]["message"]
    assert other.sent
    assert CLIENT_KEY.encode() not in other.all_sent and b"my code" not in other.all_sent


def test_a_disk_that_fills_up_ends_the_recording_and_not_aider(
    world: GatewayWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.jsonl"
    with recording(Endpoint(world.port), file) as door:
        post(door.port)
        wait_for(lambda: len(file.read_text().splitlines()) == 2)
        with room_for(file.stat().st_size + 20):
            assert [post(door.port).status_code, post(door.port).status_code] == [200, 200]
            wait_for(lambda: "NOT RECORDING" in capsys.readouterr().err)
        post(door.port)
    said = capsys.readouterr().err
    assert "NOT RECORDING" not in said and "1 requests recorded" in said.replace("\n", " ")
    assert len(read_session(file).asks) == 1


def test_a_disk_without_room_stops_before_aider_and_leaves_no_file(tmp_path: Path) -> None:
    with room_for(9), pytest.raises(UsageError, match="File too large"), recording(Endpoint(9), tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085"])
def test_an_answer_is_cut_at_the_ends_of_lines_alone(mark: str) -> None:
    """vLLM writes these as they are, and Python calls them ends of lines."""
    delta = {"choices": [{"delta": {"content": f"a{mark}b"}}]}
    data = f"data: {json.dumps(delta, ensure_ascii=False)}\r\n\r\ndata: [DONE]\r\n\r\n"
    assert whole_answer(data.encode()) == (f"a{mark}b", None)


@pytest.mark.parametrize("name", ["there.jsonl", "no/such/folder.jsonl"])
def test_a_file_that_cannot_be_new_stops_before_aider(tmp_path: Path, name: str) -> None:
    (tmp_path / "there.jsonl").write_text("mine")
    with pytest.raises(UsageError, match="--record"), recording(Endpoint(9), tmp_path / name):
        pass
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_a_recorder_that_cannot_listen_leaves_neither_thread_nor_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def listen(_: Recorder, __: Path) -> None:
        raise OSError("no port is left")

    monkeypatch.setattr(Recorder, "listen", listen)
    before = threading.active_count()
    with pytest.raises(OSError, match="no port"), recording(Endpoint(1), tmp_path / "mine.jsonl"):
        pytest.fail("it listens")
    assert threading.active_count() == before and not (tmp_path / "mine.jsonl").exists()
