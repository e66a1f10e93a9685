"""fab webui: what it asks of the box, what it waits for, and when it opens a browser."""

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks import webui as module
from playbooks.webui import (
    check_has_webui,
    first_password,
    has_browser,
    progress,
    standing,
    url,
    wait_until_it_answers,
)
from stacks.box import Box
from stacks.errors import BoxError, NotReadyError, UsageError
from stacks.ssh import Target
from stacks.webui import webui_port
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox

WITH_IT = replace(BOX, webui=True)


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A box that is this machine."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running).target()


def test_a_stack_without_it_is_told_the_lines_to_type() -> None:
    with pytest.raises(UsageError) as caught:
        check_has_webui(BOX)
    assert caught.value.hint == ("pulumi config set -s local daybox:webui true, pulumi up -s local, then fab bootstrap")


def test_the_browser_is_sent_to_the_second_port() -> None:
    assert url(WITH_IT) == "http://127.0.0.1:19001"


@pytest.mark.parametrize(
    ("platform", "variables", "on_terminal", "opens"),
    [
        ("linux", {"DISPLAY": ":0"}, True, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ("linux", {"BROWSER": "lynx"}, True, True),
        ("linux", {"DISPLAY": ""}, True, False),
        ("linux", {}, True, False),
        ("darwin", {}, True, True),
        ("darwin", {}, False, False),
        ("linux", {"DISPLAY": ":0"}, False, False),
    ],
)
def test_a_browser_is_opened_only_where_somebody_sees_it(
    platform: str, variables: dict[str, str], on_terminal: bool, opens: bool
) -> None:
    assert has_browser(platform, variables, on_terminal=on_terminal) is opens


def test_the_password_is_read_from_the_box(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PASSWORD_FILE", str(tmp_path / "password"))
    (tmp_path / "password").write_text("abc")
    assert first_password(target) == "abc"


def test_a_password_that_is_not_made_yet_is_no_empty_one(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(BoxError, match="no password yet"):
        first_password(target)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("activating\nmissing\nTrying to pull", "its container is missing: Trying to pull"),
        ("inactive\nrunning\nfinished", "its container starts"),
        ("activating\nrestarting\nfailed", "its container is restarting: failed"),
    ],
)
def test_what_is_waited_for_is_said(target: Target, monkeypatch: pytest.MonkeyPatch, said: str, shown: str) -> None:
    monkeypatch.setattr(module, "standing", lambda: f"printf '{said}'")
    assert progress(target) == shown


def test_a_box_on_which_nothing_starts_it_is_not_waited_for(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "standing", lambda: "printf 'inactive\\nmissing\\n'")
    with pytest.raises(BoxError) as caught:
        progress(target)
    assert caught.value.hint == "bring it: fab bootstrap"


def test_a_machine_that_knows_neither_unit_nor_container_answers_in_two_words() -> None:
    words = ["/bin/sh", "-c", standing()]
    done = subprocess.run(words, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    assert done.stdout == "unknown\nmissing\n"


@contextmanager
def page(box: Box, *statuses: int) -> Iterator[None]:
    """Open WebUI's second port on this laptop, which answers so in turn, the last for good."""
    left = list(statuses)

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = left.pop(0) if len(left) > 1 else left[0]
            text = json.dumps({"status": True}).encode() if status == 200 else b"not yet"
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", webui_port(box.port)), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_it_is_waited_for_and_what_for_is_said(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "standing", lambda: "printf 'activating\\nmissing\\nPulling'")
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    with page(WITH_IT, 503, 503, 200):
        wait_until_it_answers(WITH_IT, target)
    assert capsys.readouterr().err == "webui: its container is missing: Pulling\n"


def test_it_is_not_waited_for_without_end(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)
    with page(WITH_IT, 503), pytest.raises(NotReadyError):
        wait_until_it_answers(WITH_IT, target)
