"""What the watchdog says goes everywhere it can, and nothing that fails holds it up."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from templates.box import watchdog_words
from templates.box.watchdog_words import say
from tests.loopback import Quiet, answering

ROW = {"at": 1.0, "event": "warn", "text": "daybox coder, box 7: will be deleted at 14:52 UTC: idle for 30 min"}


@dataclass
class Chat:
    """A webhook on loopback, and what it was sent: path, headers, body."""

    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


class Answer(Quiet):
    """One request."""

    chat: Chat

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.chat.sent.append((self.path, dict(self.headers), body))
        self.send_response_only(500)  # whatever it answers
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def running() -> Iterator[Chat]:
    chat = Chat()
    with answering(Answer, chat=chat) as chat.url:
        yield chat


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands for `/`; nobody hears `wall`."""
    (tmp_path / "var/lib/daybox").mkdir(parents=True)
    (tmp_path / "etc/daybox").mkdir(parents=True)
    monkeypatch.setenv("PATH", "/nowhere")
    return tmp_path


def notices(root: Path, **urls: str) -> None:
    (root / "etc/daybox/notices.json").write_text(json.dumps(urls))


def lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / "var/lib/daybox/words.jsonl").read_text().splitlines()]


def test_words_are_kept_for_the_laptop_in_their_order(root: Path) -> None:
    say(root, ROW)
    say(root, ROW | {"event": "delete"})
    assert [line["event"] for line in lines(root)] == ["warn", "delete"]


def test_a_webhook_gets_all_of_it_in_the_form_that_chats_read(root: Path) -> None:
    with running() as chat:
        notices(root, webhook=f"{chat.url}/hook", ntfy="")
        say(root, ROW)
    [(path, _, body)] = chat.sent
    assert (path, json.loads(body)) == ("/hook", ROW | {"content": ROW["text"]})


def test_ntfy_gets_the_sentence(root: Path) -> None:
    with running() as chat:
        notices(root, webhook="", ntfy=f"{chat.url}/topic")
        say(root, ROW)
    [(path, headers, body)] = chat.sent
    assert (path, headers["Title"], body.decode()) == ("/topic", "daybox", ROW["text"])


def test_a_webhook_that_drips_holds_nothing_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte every now and then meets every timeout of the network's."""
    monkeypatch.setattr(watchdog_words, "NOTICE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        notices(root, webhook=f"http://127.0.0.1:{server.getsockname()[1]}/")
        begun = time.monotonic()
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        say(root, ROW)
    assert time.monotonic() - begun < 5
    assert len(lines(root)) == 1


def drip(server: socket.socket) -> None:
    """Answer one byte at a time, for 10 s."""
    taken, _ = server.accept()
    with taken, suppress(OSError):
        for byte in b"HTTP/1.1 200 OK" + b"x" * 100:
            taken.send(bytes([byte]))
            time.sleep(0.1)


@pytest.mark.parametrize("text", ['{"webhook": "http://127.0.0.1:1/"}', "torn", "[]", '{"webhook": "no url"}'])
def test_a_notice_that_cannot_be_sent_costs_nothing_but_itself(root: Path, text: str) -> None:
    (root / "etc/daybox/notices.json").write_text(text)
    say(root, ROW)
    assert len(lines(root)) == 1
