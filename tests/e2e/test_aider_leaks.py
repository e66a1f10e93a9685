"""Real aider in hostile surroundings reaches the gateway's port and nothing else; without a pin it does not."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from playbooks.clients.aider import AIDER as ROW
from playbooks.clients.aider import NO_DOTENV
from playbooks.clients.client import Launch, Way
from playbooks.clients.program import find_program
from playbooks.clients.start import prepare
from playbooks.endpoint import Endpoint
from stacks.aider_facts import SMOLLM2_AIDER
from tests.e2e.hostile_surroundings import EVIL, LoggingProxy, Surroundings, hostile_surroundings, logging_proxy
from tests.playbooks.fake_box import CLIENT_KEY, SERVED, WINDOW, GatewayWorld, gateway_world

SECONDS = 50
MESSAGE = ("--message", "add a function sub", "--yes-always", "calc.py")
AIDER = find_program(ROW) or ""
pytestmark = pytest.mark.skipif(not AIDER, reason="aider is not installed: scripts/setup")


@dataclass
class Scene:
    """A gateway, a proxy that must stay silent, and the surroundings."""

    gateway: GatewayWorld
    proxy: LoggingProxy
    around: Surroundings

    def launch(self, *words: str, model: str = "qwen3-coder-30b", architect: str = "") -> Launch:
        """What `fab launch aider --unsealed -- words` would start. architect: as the second model is served."""
        way = Way(
            base=Endpoint(self.gateway.port).base,
            key=CLIENT_KEY,
            model=SERVED,
            window_tokens=WINDOW,
            answer_tokens=4096,
            tools=True,
            catalog_name=model,
            folder=self.gateway.folder / "aider",
            architect=architect,
            architect_catalog_name="qwen3.8-27b" if architect else "",
            architect_window_tokens=WINDOW if architect else 0,
        )
        return prepare(ROW, way, words, self.around.exported)

    def start(self, launch: Launch) -> subprocess.Popen[bytes]:
        """aider, in the repository."""
        return subprocess.Popen(
            [AIDER, *launch.words],
            cwd=self.around.repository,
            env=launch.environment | {"PYTHONPATH": self.around.exported["PYTHONPATH"]},  # the recorder's
            stdin=subprocess.DEVNULL,
            stdout=(self.around.home / "output").open("wb"),
            stderr=subprocess.STDOUT,
        )

    def strangers(self) -> set[tuple[str, str, object]]:
        """Every contact that was not the gateway's port on loopback."""
        ours = {("connect", "127.0.0.1", self.gateway.port), ("lookup", "127.0.0.1", self.gateway.port)}
        seen = self.around.contacts()
        assert seen & ours, "the recorder saw nothing at all"
        return seen - ours


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    (tmp_path / "tunnel").mkdir()
    with logging_proxy() as proxy, gateway_world(tmp_path / "tunnel") as gateway:
        yield Scene(gateway, proxy, hostile_surroundings(tmp_path, proxy, os.environ["PATH"]))


@pytest.mark.parametrize("words", [("--commit",), ("--architect", *MESSAGE)], ids=["commit", "architect"])
def test_aider_contacts_the_gateway_and_nobody_else(scene: Scene, words: tuple[str, ...]) -> None:
    with (scene.around.repository / "calc.py").open("a") as file:
        file.write("\n\ndef mul(a, b):\n    return a * b\n")
    assert scene.start(scene.launch(*words)).wait(SECONDS) == 0
    assert scene.strangers() == set()
    assert scene.proxy.received == []
    prompts = [asked["body"] for asked in scene.gateway.box.asked if asked["path"].endswith("/completions")]
    assert prompts
    assert {prompt["model"] for prompt in prompts} == {SERVED}
    assert "planted" not in str(scene.gateway.box.asked)


def test_a_dotenv_with_copilots_token_makes_it_ask_nobody_else_and_does_not_stop_it(scene: Scene) -> None:
    """With another key in the environment aider asks api.github.com then, or sends nothing and exits with 0."""
    with (scene.around.repository / ".env").open("a") as file:
        file.write("GITHUB_COPILOT_TOKEN=planted\nAIDER_OPENAI_API_KEY=planted\n")
    assert scene.start(scene.launch(*MESSAGE)).wait(SECONDS) == 0
    assert scene.strangers() == set()
    assert [asked["body"]["model"] for asked in scene.gateway.box.asked] == [SERVED]
    assert "planted" not in str(scene.gateway.box.asked)


SWAPPING = """calc.py
```python
<<<<<<< SEARCH
    return a + b
=======
    return b + a
>>>>>>> REPLACE
```
"""


def test_of_two_models_the_architect_plans_and_the_first_one_edits_and_commits(scene: Scene) -> None:
    scene.gateway.box.answers = {"thinker": "Swap the summands in calc.py.", SERVED: SWAPPING}
    assert scene.start(scene.launch("--architect", "--no-stream", *MESSAGE, architect="thinker")).wait(SECONDS) == 0
    assert scene.strangers() == set()
    asked = [one["body"] for one in scene.gateway.box.asked]
    assert [body["model"] for body in asked] == ["thinker", SERVED, SERVED]
    assert asked[0]["chat_template_kwargs"] == {"enable_thinking": False}
    assert "return b + a" in (scene.around.repository / "calc.py").read_text()
    assert len(git(scene, "log", "--format=%s").splitlines()) == 2


EDITED = "def add(a, b):\n    return a + b\n\ndef sub(a, b):\n    return a - b\n"


def test_the_edit_of_the_smallest_model_is_committed_and_goes_nowhere_else(scene: Scene) -> None:
    """As `scripts/try` does it: the form of both answers travels with the requests, each to its own served name."""
    scene.gateway.box.answers = {SERVED: f"calc.py\n```\n{EDITED}```\n", f"{SERVED}-commit": "feat: add sub"}
    assert scene.start(scene.launch(*MESSAGE, model="smollm2-135m")).wait(SECONDS) == 0
    assert scene.strangers() == set()
    assert (scene.around.repository / "calc.py").read_text() == EDITED
    assert git(scene, "log", "-1", "--format=%s") == "feat: add sub"
    edit, message = (asked["body"] for asked in scene.gateway.box.asked if asked["path"].endswith("/completions"))
    assert (edit["model"], edit["temperature"], edit["max_tokens"]) == (SERVED, 0, 256)
    assert edit["structured_outputs"] == SMOLLM2_AIDER.extra_body["structured_outputs"]
    assert (message["model"], message["max_tokens"]) == (f"{SERVED}-commit", 24)
    assert message["structured_outputs"] == SMOLLM2_AIDER.weak_extra_body["structured_outputs"]


def git(scene: Scene, *words: str) -> str:
    """What git says of the repository."""
    done = subprocess.run(["git", *words], cwd=scene.around.repository, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def without(launch: Launch, *pinned: str) -> Launch:
    """The launch without the pins whose value holds one of these words, flag and value, and with every .env loaded.

    Else the first pin of all would hide what the others are for.
    """
    gone = {number for number, value in enumerate(launch.words) if any(word in value for word in pinned)}
    kept = [value for number, value in enumerate(launch.words) if number not in gone and number + 1 not in gone]
    loading = {name: value for name, value in launch.environment.items() if name not in NO_DOTENV}
    return Launch(kept, loading)


PROXIES = ("PROXY", "proxy")
ENDPOINT = ("model.settings.yml", "OPENAI_BASE_URL")


def code_went_to_the_proxy(scene: Scene) -> bool:
    """Whether the foreign proxy was sent a prompt for the gateway, in clear text."""
    return any(sent.startswith(b"POST http://127.0.0.1") for sent in scene.proxy.received)


def the_dead_proxy_stopped_it(scene: Scene) -> bool:
    """Whether something was meant for elsewhere, and ended at the port on which nobody listens."""
    return ("connect", "127.0.0.1", 9) in scene.around.contacts()


def code_went_to_a_stranger(scene: Scene) -> bool:
    """Whether a prompt was on its way to a host that the repository's files name."""
    return any(sent.startswith(b"POST http://") and EVIL.encode() in sent for sent in scene.proxy.received)


@pytest.mark.parametrize(
    ("removed", "seen"),
    [
        (PROXIES, code_went_to_the_proxy),
        (ENDPOINT, the_dead_proxy_stopped_it),
        ((*PROXIES, *ENDPOINT), code_went_to_a_stranger),
    ],
    ids=["proxies", "endpoint", "both"],
)
def test_without_a_pin_the_recorder_sees_it(
    scene: Scene, removed: tuple[str, ...], seen: Callable[[Scene], bool]
) -> None:
    """The controls: a test that cannot fail proves nothing."""
    process = scene.start(without(scene.launch(*MESSAGE), *removed))
    deadline = time.monotonic() + SECONDS
    while not seen(scene) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.kill()  # it would try again for a minute
    process.wait()
    assert seen(scene)
