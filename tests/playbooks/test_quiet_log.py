"""Nothing of a prompt and no key is in the log of what speaks HTTP here: asked of a real gateway process."""

import asyncio
import os
import socket
import time
from pathlib import Path

import pytest

from playbooks.gateway_process import open_log
from playbooks.quiet_log import quiet_log, quiet_loop
from scripts.bench_gateway import KEY, PATH, running_gateway

CANARY = "CANARY-def-secret"
# What a client sends that counts its prompt in characters, and not in bytes; that cuts a chunk wrong; that has a key
# where no header may have one.
UNREADABLE = {
    "the rest of a prompt": ("Content-Length: 2", "{}", CANARY + " the rest\r\n"),
    "a chunk that is a prompt": ("Transfer-Encoding: chunked", f"2\r\n{{}}{CANARY} the rest\r\n", ""),
    "a header that is none": (f"X-Key : {CANARY}\r\nContent-Length: 2", "{}", ""),
}


def told(capfd: pytest.CaptureFixture[str], found: str = "") -> str:
    """What the process wrote, once there is anything."""
    deadline = time.monotonic() + 5
    while not found and time.monotonic() < deadline:
        time.sleep(0.05)
        found += "".join(capfd.readouterr())
    return found


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_request_that_cannot_be_read_leaves_no_byte_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    more, body, rest = UNREADABLE[name]
    with running_gateway(tmp_path) as (port, _):
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {KEY}\r\n{more}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall((head + body).encode())
            if rest:
                time.sleep(0.3)  # the gateway has read the first part by then, and waits
                connection.sendall(rest.encode())
            found = told(capfd)
    found += "".join(capfd.readouterr())
    assert found.startswith("daybox/http: ")
    assert not [secret for secret in ("CANARY", "Traceback", "rest", "Bearer") if secret in found]


def test_only_the_kind_of_an_error_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    log = quiet_log()
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        log.exception("from %s", CANARY, exc_info=error)
    log.error(CANARY)
    log.warning(CANARY)
    quiet_loop(asyncio.new_event_loop(), {"message": CANARY, "exception": KeyError(CANARY)})
    assert capsys.readouterr().err == "daybox/http: ValueError\ndaybox/http: an error\ndaybox/http: KeyError\n"


def test_the_log_is_its_owners_whatever_the_umask_and_whoever_made_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        for _ in range(2):
            with open_log(tmp_path) as log:
                assert os.fstat(log.fileno()).st_mode & 0o777 == 0o600
            (tmp_path / "gateway.log").chmod(0o666)
    finally:
        os.umask(before)
