"""Start vLLM wrongly, once for each case in the file named on the command line, and keep what it says.

Runs in the boxes' root file system, with its standard library only; `make_vllm_logs.py` calls it. Each case's log lands
in /mnt/out. A small stand-in of the model hub answers at HUB, so that the real client says why it gets no model.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Case = dict[str, Any]
MODEL, OUT, FOLDER = Path("/mnt/model"), Path("/mnt/out"), Path("/tmp/model")
PORT, HUB_PORT = 8000, 9000
URL = f"http://127.0.0.1:{PORT}"
REVISION = "0123456789abcdef0123456789abcdef01234567"
DEADLINE_SECONDS = 150
DOCKER_SECONDS = 10  # how long Docker waits between SIGTERM and SIGKILL
REFUSALS = {
    "gated": (403, "GatedRepo", "Access to model {repo} is restricted and you are not in the authorized list."),
    "private": (401, "RepoNotFound", "Invalid username or password."),
    "nope": (404, "RepoNotFound", "Repository not found"),
}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download of one repository asks for; acme/gated, acme/nope, acme/private are refused."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        repo = "/".join(self.path.removeprefix("/api/models").strip("/").split("/")[:2])
        refusal = REFUSALS.get(repo.partition("/")[2])
        if refusal:
            status, code, message = refusal
            return self.answer(status, b"", {"X-Error-Code": code, "X-Error-Message": message.format(repo=repo)})
        if self.path.startswith("/api/models/"):
            names = [{"rfilename": name.name} for name in MODEL.iterdir()]
            body = {"id": repo, "sha": REVISION, "siblings": names}
            return self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
        file = MODEL / self.path.split("?")[0].rsplit("/", 1)[1]
        if not file.exists():
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        return self.answer(200, file.read_bytes(), {"ETag": f'"{file.name}"', "X-Repo-Commit": REVISION})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """One reply."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: only vLLM's words count."""


def main() -> None:
    """All cases, one after the other; one log a case."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", HUB_PORT), Hub).serve_forever, daemon=True).start()
    for case in json.loads(Path(sys.argv[1]).read_text()):
        began = time.monotonic()
        with (OUT / f"{case['name']}.log").open("wb") as log:
            for start in case["starts"]:
                provoke(start, log.fileno())
        print(f"{case['name']}: {time.monotonic() - began:.0f} s", flush=True)


def provoke(start: Case, log: int) -> None:
    """One start, its requests, and its end."""
    make_model(start.get("model", {}))
    shell(start.get("before"))
    other = in_the_way() if start.get("beside") == "port" else None
    environment = {**os.environ, **start.get("environment", {})}
    for name in start.get("unset", []):
        environment.pop(name, None)
    words = start.get("words") or ["python3", "-m", "vllm.entrypoints.cli.main", "serve", *start["flags"]]
    server = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd="/tmp", start_new_session=True
    )
    try:
        if wait(server, log, start.get("stop_at", "")):
            for request in start.get("requests", []):
                ask(request, log)
            finish(server, start.get("end", "running"), log)
    finally:
        end_group(server)
        if other:
            other.terminate()
            other.wait()
        shell(start.get("after"))


def shell(command: str | None) -> None:
    """Prepare the machine for a case, or put it back."""
    if command:
        subprocess.run(command, shell=True, check=True)


def finish(server: "subprocess.Popen[bytes]", how: str, log: int) -> None:
    """End it as the case asks: `stop` as Docker does, `kill-engine` as the kernel does, `running`: cut the log now."""
    if how == "running":
        size = os.fstat(log).st_size
        end_group(server)
        os.ftruncate(log, size)
        os.lseek(log, size, os.SEEK_SET)
    elif how == "stop":
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):  # while it loads it does not listen
            server.wait(timeout=DOCKER_SECONDS)
    elif how == "kill-engine":
        for process in Path("/proc").glob("[0-9]*"):
            if "VLLM::EngineCor" in read(process / "comm"):
                os.kill(int(process.name), signal.SIGKILL)
        server.wait(timeout=60)


def read(file: Path) -> str:
    """A file of /proc, empty once its process has ended."""
    try:
        return file.read_text()
    except OSError:
        return ""


def end_group(server: "subprocess.Popen[bytes]") -> None:
    """Leave none of its processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def make_model(change: Case) -> None:
    """The model's folder anew, changed as the case says."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for file in MODEL.iterdir():
        if file.name in change.get("without", []):
            continue
        if file.name in change.get("cut", {}):
            with file.open("rb") as whole:
                (FOLDER / file.name).write_bytes(whole.read(change["cut"][file.name]))
        elif file.suffix == ".json":
            values = json.loads(file.read_text()) | change.get(file.name, {})
            if change.get("no_template"):
                values.pop("chat_template", None)
            (FOLDER / file.name).write_text(json.dumps(values))
        else:
            (FOLDER / file.name).symlink_to(file)
    for name, text in change.get("with", {}).items():
        (FOLDER / name).write_text(text)


def in_the_way() -> "subprocess.Popen[bytes]":
    """Another server on vLLM's port."""
    words = ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(PORT)]
    other = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    return other


def wait(server: "subprocess.Popen[bytes]", log: int, stop_at: str) -> bool:
    """Whether it became ready, or said `stop_at`; False if it ended by itself."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if stop_at and stop_at.encode() in Path(f"/proc/self/fd/{log}").read_bytes():
            return True
        try:
            urllib.request.urlopen(f"{URL}/v1/models", timeout=2).read()
            return server.poll() is None and not stop_at
        except OSError:
            time.sleep(0.3)
    return False


def ask(request: Case, log: int) -> None:
    """One request; what it is answered with is the log's matter, unless `keep_refusal`."""
    body = json.dumps({"model": "coder", **request["body"]}).encode()
    posted = urllib.request.Request(URL + request["path"], body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(posted, timeout=60).read()
    except urllib.error.HTTPError as error:
        if request.get("keep_refusal"):
            os.write(log, error.read() + b"\n")
    except OSError:
        pass  # it has ended


if __name__ == "__main__":
    main()
