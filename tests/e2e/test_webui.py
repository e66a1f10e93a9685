"""Open WebUI's place on a real box: its own image cannot be had here, so a stand-in of the same name runs there.

The stand-in is a program of a few lines in an image of our own, at the place where Open WebUI's is. Compose file,
secrets, seal, unit, tunnel and the laptop's second port are the real ones.
"""

import asyncio
import json
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from stacks.catalog import VLLM_CPU_IMAGE, WEBUI_IMAGE
from stacks.webui import webui_port
from tests.laptop import Laptop, new_laptop, wait_for
from tests.leaks import processes, shown
from tests.playbooks.fake_box import free_port

STAND_IN = Path(__file__).with_name("stand_in_webui.py")
SHIPPED = "shipped with the image"
OUTSIDE = {
    "the world": "203.0.113.1:80",
    "the metadata address": "169.254.169.254:80",
    "the local cloud's API": "198.51.100.1:80",
    "the box's sshd": "{gateway}:22",
    "vllm on another port": "vllm:22",
}


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A laptop with a box that has Open WebUI, or what stands for it."""
    made = new_laptop(tmp_path_factory.mktemp("webui"))
    try:
        made.set(webui="true", port=str(free_port()))
        made.up().ok()
        wait_for(lambda: "true" in made.on_box("systemctl is-active docker >/dev/null 2>&1 && echo true || true"), 120)
        made.on_box(
            f"docker image inspect {VLLM_CPU_IMAGE} >/dev/null || docker load -q -i /var/cache/daybox/image/*.tar"
        )
        put_stand_in(made)
        yield made
        made.run("fab tunnel.close")
        made.destroy()
    finally:
        made.cloud.stop()


MAKE = """\
import os
from pathlib import Path
Path("data").mkdir()
Path("data/shipped").write_text({shipped!r})
Path("app.py").write_text({app!r})
Path("start.sh").write_text("exec python3 app.py")
if not os.path.exists("/bin/bash"):
    os.symlink("/bin/sh", "/bin/bash")
"""


def put_stand_in(laptop: Laptop) -> None:
    """Make the image that the compose file names."""
    made = f"docker run -i --name made -w /app/backend --network none --entrypoint python3 {VLLM_CPU_IMAGE} -"
    laptop.on_box(made, MAKE.format(shipped=SHIPPED, app=STAND_IN.read_text()))
    laptop.on_box(f"docker commit made {WEBUI_IMAGE} && docker rm made")


@pytest.fixture(scope="module")
def page(laptop: Laptop) -> str:
    """Where a browser finds it."""
    shown = json.loads(laptop.must("fab webui --json"))
    assert shown["url"] == f"http://127.0.0.1:{webui_port(int(laptop.outputs()['port']))}"
    return str(shown["url"])


def asked(page: str, path: str, **options: Any) -> httpx.Response:
    """One request of a browser."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.get(f"{page}{path}", **options)


def test_the_box_is_ready_without_it_and_says_so(laptop: Laptop, page: str) -> None:
    laptop.run("fab bootstrap").ok()
    assert laptop.ask().status_code == 200


def test_it_reaches_vllm_with_the_boxs_key_by_its_name(page: str) -> None:
    assert asked(page, "/models").json()["data"][0]["id"] == "daybox-smollm2-135m"


def test_it_has_a_secret_and_a_password_that_the_box_made(laptop: Laptop, page: str) -> None:
    password = laptop.must("fab webui --password").strip()
    found = asked(page, "/secrets").json()
    assert found["WEBUI_ADMIN_PASSWORD"] == password
    assert len({password, found["WEBUI_SECRET_KEY"], found["OPENAI_API_KEY"]}) == 3


@pytest.mark.parametrize("name", OUTSIDE)
def test_it_has_no_way_out(laptop: Laptop, page: str, name: str) -> None:
    gateway = laptop.on_box("docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' daybox").strip()
    assert asked(page, "/open", params={"to": OUTSIDE[name].format(gateway=gateway)}).json() == {"open": False}


def test_vllm_reaches_it_not_either(laptop: Laptop, page: str) -> None:
    address = laptop.on_box("docker inspect -f '{{.NetworkSettings.Networks.daybox.IPAddress}}' open-webui").strip()
    script = f"import socket; socket.create_connection(('{address}', 8080), 3)"
    said = laptop.on_box(f'docker exec vllm python3 -c "{script}" 2>&1 || true')
    assert "timed out" in said or "TimeoutError" in said


def test_no_name_leaves_the_box(page: str) -> None:
    assert asked(page, "/lookup", params={"name": "example.com"}).json() == {"found": False}


@pytest.mark.parametrize("file", ["webui-secret", "webui-password", "vllm-key"])
def test_no_secret_stands_where_others_look(laptop: Laptop, page: str, file: str) -> None:
    path = f"/etc/daybox/{file}"
    assert laptop.on_box(f"stat -c %a {path}").strip() == "600"
    probes = "docker inspect open-webui; cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'; docker logs open-webui 2>&1;"
    assert laptop.on_box(f"({probes} journalctl --no-pager) 2>/dev/null | grep -cF -f {path} || true").strip() == "0"


def test_its_folder_is_the_boxs_and_begins_with_what_the_image_has(laptop: Laptop, page: str) -> None:
    assert laptop.on_box("cat /var/lib/daybox/webui/shipped").strip() == SHIPPED


def test_asking_for_the_models_again_and_again_is_no_work(laptop: Laptop, page: str) -> None:
    """As a browser's open page does: an idle box stays idle."""
    idle = json.loads(laptop.on_box("/opt/daybox/bin/watchdog --status"))
    for _ in range(20):
        asked(page, "/models")
    laptop.on_box("systemctl start daybox-watchdog.service")
    after = json.loads(laptop.on_box("/opt/daybox/bin/watchdog --status"))
    assert after["tokens"] == idle["tokens"]
    assert after["idle_minutes"] >= idle["idle_minutes"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_only_the_laptops_own_browser_is_let_in(page: str, headers: dict[str, str], status: int) -> None:
    assert asked(page, "/health", headers=headers).status_code == status


def test_websockets_pass(page: str) -> None:
    word = secrets.token_hex(8)

    async def sent_back() -> str:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{page}/socket") as socket:
            await socket.send_str(word)
            return await socket.receive_str(timeout=10)

    assert asyncio.run(sent_back()) == word[::-1]


def keeps(process: Path) -> bool:
    """Whether it is the ssh that the gateway keeps."""
    return b"-N" in shown(process, "cmdline").split(b"\0")


def test_its_port_is_held_while_ssh_is_down_and_comes_back(laptop: Laptop, page: str) -> None:
    [keeper] = [one for one in processes(str(laptop.state / "stacks/local/ssh_config")) if keeps(one)]
    os.kill(int(keeper.name), signal.SIGKILL)
    assert asked(page, "/health").status_code in (200, 503)
    wait_for(lambda: asked(page, "/health").status_code == 200)


def test_it_goes_when_the_stack_does_not_ask_for_it_any_more_and_vllm_runs_on(laptop: Laptop, page: str) -> None:
    started = laptop.on_box("docker inspect -f '{{.State.StartedAt}}' vllm")
    laptop.set(webui="false")
    laptop.up().ok()
    laptop.run("fab bootstrap").ok()
    assert laptop.on_box("docker ps --all --quiet --filter name=open-webui") == ""
    assert laptop.on_box("docker inspect -f '{{.State.StartedAt}}' vllm") == started
    assert "was not true at the last" in laptop.run("fab webui").failed()
    assert "dport 8000" not in laptop.on_box("nft list table inet daybox")
