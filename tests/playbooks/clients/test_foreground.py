"""A program in the foreground: Ctrl-C is its own, and nobody ends the launcher without ending it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from playbooks.boxes import ROOT
from playbooks.clients.foreground import run_in_foreground


def test_ctrl_c_reaches_the_program_and_not_the_launcher() -> None:
    """As in a terminal, where both get it."""
    script = (
        "import os, signal, sys\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n"
        "sys.exit(7)\n"
    )
    call = f"run_in_foreground({[sys.executable, '-c', script]!r}, {{}})"
    launcher = f"from playbooks.clients.foreground import run_in_foreground; import sys; sys.exit({call})"
    done = subprocess.run([sys.executable, "-c", launcher], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "True\n")


def test_a_program_that_a_signal_ended_has_the_status_that_a_shell_says() -> None:
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert run_in_foreground([sys.executable, "-c", killed], {}) == 128 + signal.SIGTERM


def test_the_own_handler_of_ctrl_c_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert run_in_foreground([sys.executable, "-c", ""], {}) == 0
    assert signal.getsignal(signal.SIGINT) is before


LAUNCHER = """
import sys
from pathlib import Path
from playbooks import seal
from playbooks.clients import foreground
foreground.GRACE_SECONDS = 1.0
with seal.guard(Path("gateway.sock")) as port:
    client = f"import os, signal, time; {sys.argv[2]}; print({port}, os.getpid(), flush=True); time.sleep(60)"
    status = foreground.run_in_foreground([sys.executable, "-c", client], {})
    with open(sys.argv[1], "w") as file:
        try:
            import socket
            socket.create_server(("127.0.0.1", port))
        except OSError:
            file.write(f"{status} held")
"""
HEEDLESS = "[signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGHUP)]"


@dataclass
class Launched:
    """A launcher with a port of its own, and the client behind it. said: what the launcher found when it had ended."""

    process: subprocess.Popen[str]
    port: int
    client: int
    said: Path

    def client_lives(self) -> bool:
        """Whether it does; one that nobody has buried yet is none."""
        try:
            return Path(f"/proc/{self.client}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
        except OSError:
            return False

    def port_is_free(self) -> bool:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                other.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return True


@pytest.fixture
def launched(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Launched]:
    """The test's parameter `client` is what the client does at first."""
    client = request.param if hasattr(request, "param") else "pass"
    words = [sys.executable, "-c", LAUNCHER, str(tmp_path / "said"), client]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port, number = map(int, process.stdout.readline().split())
        made = Launched(process, port, number, tmp_path / "said")
        yield made
        process.kill()
        if made.client_lives():
            os.kill(number, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_launcher_that_is_told_to_end_ends_the_client_and_holds_the_port_until_then(
    launched: Launched, number: signal.Signals
) -> None:
    launched.process.send_signal(number)
    assert launched.process.wait(10) == 0
    assert launched.said.read_text() == f"{128 + number} held"
    assert not launched.client_lives()
    assert launched.port_is_free()


@pytest.mark.parametrize("launched", [HEEDLESS], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_client_that_does_not_heed_is_ended_some_seconds_later(launched: Launched, number: signal.Signals) -> None:
    launched.process.send_signal(number)
    time.sleep(0.3)
    assert launched.client_lives()
    assert not launched.port_is_free()
    assert launched.process.wait(10) == 0
    assert launched.said.read_text() == f"{128 + signal.SIGKILL} held"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_launcher_that_is_killed_takes_the_client_with_it(launched: Launched) -> None:
    launched.process.kill()
    launched.process.wait()
    deadline = time.monotonic() + 10
    while launched.client_lives():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_we_were_told_to_ignore_is_ignored_by_both() -> None:
    """As with nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        asked = "import os, signal; os.kill(os.getppid(), 1); os.kill(os.getpid(), 1)"
        assert run_in_foreground([sys.executable, "-c", asked], {}) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
