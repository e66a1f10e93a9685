"""Open WebUI itself with our settings, where a Python has it: `uv pip install open-webui`, of the version pinned here.

Its image cannot be had everywhere, its package can. With all that it needs it has 5 GB, so this runs when asked for:
DAYBOX_OPEN_WEBUI=/path/to/bin/python pytest tests/e2e/test_open_webui.py
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web

from playbooks.tunnel_ssh import State
from playbooks.webui_gate import Gate
from stacks.catalog import WEBUI_IMAGE
from stacks.webui import EMAIL, environment
from tests.e2e.hostile_surroundings import RECORDER
from tests.laptop import wait_for
from tests.playbooks.fake_box import BOX_KEY, SERVED, FakeBox, LoopThread, free_port, serve

PYTHON = os.environ.get("DAYBOX_OPEN_WEBUI", "")
PASSWORD = "the-password-of-the-box"
STARTS_SECONDS = 300
pytestmark = pytest.mark.skipif(not PYTHON, reason="DAYBOX_OPEN_WEBUI names no Python that has Open WebUI")


@dataclass
class World:
    """Open WebUI behind our gate. log: whom it spoke to; box: the model's server."""

    port: int
    box: FakeBox
    log: Path

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(method, f"http://127.0.0.1:{self.port}{path}", **options)

    def token(self) -> dict[str, str]:
        """The header of somebody who has logged in."""
        body = {"email": EMAIL, "password": PASSWORD}
        return {"Authorization": f"Bearer {self.ask('POST', '/api/v1/auths/signin', json=body).json()['token']}"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("w")
    port, vllm_port, thread, box = free_port(), free_port(), LoopThread(), FakeBox()
    box.next_piece.set()
    (folder / "sitecustomize.py").write_text(RECORDER.format(path=str(folder / "log")))
    secrets = {"WEBUI_SECRET_KEY": "s" * 48, "WEBUI_ADMIN_PASSWORD": PASSWORD, "OPENAI_API_KEY": BOX_KEY}
    # As `open-webui serve` does, which knows no Unix socket: the package's pages lie elsewhere than the image's.
    own = {"FROM_INIT_PY": "true", "ENV": "prod", "DATA_DIR": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    there = {"PYTHONPATH": str(folder), "OPENAI_API_BASE_URL": f"http://127.0.0.1:{vllm_port}/v1"}
    with ExitStack() as ends, open(folder / "said", "wb") as said:
        words = [PYTHON, "-m", "uvicorn", "open_webui.main:app", "--uds", str(folder / "w.sock")]
        known = environment(port) | secrets | own | there
        process = ends.enter_context(subprocess.Popen(words, cwd=folder, env=known, stdout=said, stderr=said))
        ends.callback(process.terminate)
        gate = Gate(port, State(up=True), str(folder / "w.sock"))
        for app, number in ((box.app(), vllm_port), (gate.app(), port)):
            stop = thread.call(serve(app, partial(web.TCPSite, host="127.0.0.1", port=number)))
            ends.callback(lambda work=stop: thread.call(work()))  # type: ignore[misc]
        made = World(port, box, folder / "log")
        wait_for(lambda: process.poll() or made.ask("GET", "/health").status_code == 200, STARTS_SECONDS)
        assert process.poll() is None, (folder / "said").read_text()[-3000:]
        yield made
    thread.stop()


def test_it_is_the_version_whose_image_is_pinned() -> None:
    asked = "import importlib.metadata as m; print(m.version('open-webui'))"
    found = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    assert WEBUI_IMAGE.endswith(f":v{found}")


def test_the_one_account_is_there_from_the_start_and_is_admin(world: World) -> None:
    found = world.ask("GET", "/api/v1/auths/", headers=world.token()).json()
    assert (found["email"], found["role"]) == (EMAIL, "admin")


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD[:-1]])
def test_nobody_comes_in_without_the_password(world: World, password: str) -> None:
    reply = world.ask("POST", "/api/v1/auths/signin", json={"email": EMAIL, "password": password})
    assert reply.status_code in (400, 422)


def test_nobody_new_can_sign_up(world: World) -> None:
    body = {"name": "n", "email": "n@localhost", "password": "long enough"}
    assert world.ask("POST", "/api/v1/auths/signup", json=body).status_code == 403


@pytest.mark.parametrize("path", ["/api/models", "/openai/config", "/api/v1/users/"])
def test_without_a_login_nothing_is_told(world: World, path: str) -> None:
    assert world.ask("GET", path).status_code in (401, 403)


def test_it_shows_the_models_of_the_box_and_asks_with_its_key(world: World) -> None:
    found = world.ask("GET", "/api/models", headers=world.token()).json()["data"]
    assert {model["id"] for model in found} == {SERVED, f"{SERVED}-commit"}
    assert world.box.asked[-1]["headers"]["Authorization"] == f"Bearer {BOX_KEY}"


def test_a_chat_is_one_request_of_the_model_and_no_more(world: World) -> None:
    world.ask("GET", "/api/models", headers=world.token())
    before = len(world.box.asked)
    body = {"model": SERVED, "messages": [{"role": "user", "content": "hello"}], "stream": False}
    reply = world.ask("POST", "/api/chat/completions", headers=world.token(), json=body)
    assert reply.json()["choices"][0]["message"]["content"] == "ok"
    assert [one["path"] for one in world.box.asked[before:]] == ["/v1/chat/completions"]


def test_what_makes_work_or_leaves_the_box_is_off_as_it_says_itself(world: World) -> None:
    features = world.ask("GET", "/api/config", headers=world.token()).json()["features"]
    off = (
        *("signup", "web_search", "image_generation", "code_execution", "code_interpreter", "title_generation"),
        *("tags_generation", "follow_up_generation", "autocomplete_generation", "community_sharing", "automations"),
        *("direct_connections", "version_update_check"),
    )
    assert {name: features[f"enable_{name}"] for name in off} == dict.fromkeys(off, False)


def test_its_page_comes_with_the_policy(world: World) -> None:
    reply = world.ask("GET", "/")
    assert "<html" in reply.text
    assert "img-src 'self' data: blob:" in reply.headers["content-security-policy"]


def test_its_websocket_opens_through_the_gate_for_its_own_page_only(world: World) -> None:
    async def first_word(origin: str) -> str:
        url = f"http://127.0.0.1:{world.port}/ws/socket.io/?EIO=4&transport=websocket"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, origin=origin) as socket:
            return str(await socket.receive_str(timeout=20))

    assert json.loads(asyncio.run(first_word(f"http://127.0.0.1:{world.port}"))[1:])["pingInterval"] == 25_000
    with pytest.raises(aiohttp.WSServerHandshakeError):
        asyncio.run(first_word("http://evil.example"))


def test_it_has_spoken_to_this_machine_only(world: World) -> None:
    """The last test: of all that was done before, nothing left."""
    world.ask("GET", "/api/models", headers=world.token())
    contacts = [json.loads(line) for line in world.log.read_text().splitlines()]
    assert contacts, "the recorder does not record"
    assert {host for _, host, *_ in contacts} <= {"127.0.0.1", "localhost", "::1"}
