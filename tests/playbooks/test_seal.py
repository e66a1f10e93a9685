"""A sealed client, with real namespaces: what it reaches, what it sees, and how it ends."""

import fcntl
import http.server
import os
import pty
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from playbooks import seal, sealed
from playbooks.boxes import ROOT
from playbooks.seal_hidden import (
    HIDDEN,
    LOOKED_FOR,
    kept_variables,
    moved,
    real_places,
    sockets_in,
    steps_to,
    working_folders,
)

PORT = 8123
needs_seal = pytest.mark.skipif(bool(seal.refusal()), reason=f"no seal here: {seal.refusal()}")


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"gateway")

    def address_string(self) -> str:
        return "a client"

    def log_message(self, format: str, *args: object) -> None:
        pass


class Gateway(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@dataclass
class Place:
    """A gateway's Unix socket in a state folder, and what a client is kept."""

    state: Path
    way: Path
    kept: Path
    gateway: Gateway

    def words(self, *words: str) -> list[str]:
        return seal.sealed(words, PORT, self.way, kept=(self.kept,))

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A shell script, sealed."""
        words = self.words("bash", "-c", script)
        return subprocess.run(
            words, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=False
        )

    def end_gateway(self) -> None:
        self.gateway.shutdown()
        self.gateway.server_close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    state = tmp_path / "state"
    monkeypatch.setenv("DAYBOX_STATE", str(state))
    folder, kept = state / ("stacks-" + "s" * 110) / "tunnel", state / "stacks/s/clients/aider"  # a long path, too
    for made in (folder, kept):
        made.mkdir(parents=True)
    (kept / "file").write_text("the client's own")
    (state / "passphrase").write_text("not the client's")
    monkeypatch.chdir(folder)
    gateway = Gateway("gateway.sock", Answers)
    monkeypatch.chdir(tmp_path)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    yield Place(state, folder / "gateway.sock", kept, gateway)
    gateway.shutdown()
    gateway.server_close()


ASK = f"curl -sS -m 5 -w '%{{http_code}}' http://127.0.0.1:{PORT}/"


@needs_seal
def test_the_gateway_is_reached_by_either_loopback(place: Place) -> None:
    done = place.run(f"{ASK}; curl -sS 'http://[::1]:{PORT}/'")
    assert (done.stdout, done.stderr) == ("gateway200gateway", "")


@needs_seal
def test_nothing_else_is_reached(place: Place) -> None:
    """Not a server on this laptop's loopback, not an address, not a name; and all of it is told at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        own = server.getsockname()[1]
        began = time.monotonic()
        places = (f"127.0.0.1:{own}", "192.0.2.1", "[2001:db8::1]", "example.com", "169.254.169.254")
        done = place.run("; ".join(f"curl -s -m 20 http://{where}/; echo $?" for where in places))
    assert done.stdout.split() == ["7", "7", "7", "6", "7"]  # refused; no address for the name
    assert time.monotonic() - began < 15


@contextmanager
def listening(path: str) -> Iterator[None]:
    """A program outside that listens there."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        yield


def tried(*paths: str) -> str:
    """A script that tries each and prints what each try gives: 7 is refused, another number is a way out."""
    return "; ".join(f"curl -s -m 1 --unix-socket {path} http://x/; echo $?" for path in paths)


@needs_seal
def test_a_unix_socket_of_another_program_is_covered(place: Place) -> None:
    """As docker's, tmux's or an agent's; one that is bound by a short name, and one that has since got another name."""
    full, renamed = f"/tmp/daybox-{os.getpid()}.sock", f"/tmp/daybox-{os.getpid()}.other"
    with listening("other.sock"), listening(full):
        os.rename(full, renamed)  # as ssh does
        with listening(full):
            done = place.run(tried("other.sock", full, renamed) + f"; ls -l {full} | cut -c1")
    os.unlink(full)
    os.unlink(renamed)
    assert done.stdout.split() == ["7", "7", "7", "c"]


@needs_seal
def test_a_place_that_comes_up_after_the_start_is_covered(place: Place, tmp_path: Path) -> None:
    """A server of tmux, outside, started later than the client."""
    tmux = Path(f"/tmp/tmux-{os.getuid()}")
    path = tmux / f"daybox-{os.getpid()}"
    if tmux.exists() and not any(tmux.iterdir()):
        tmux.rmdir()
    script = f"touch {tmp_path}/up; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; {tried(str(path))}"
    process = subprocess.Popen(place.words("bash", "-c", script), stdout=subprocess.PIPE, text=True)
    wait_until((tmp_path / "up").exists)
    tmux.mkdir(mode=0o700, exist_ok=True)
    with listening(str(path)):
        (tmp_path / "go").touch()
        assert process.communicate(timeout=30)[0].split() == ["7"]
    path.unlink()


@needs_seal
def test_of_run_a_client_sees_an_empty_folder_of_its_own(place: Place) -> None:
    """Docker's socket lies there; covered alone it would be seen again as soon as Docker restarts."""
    done = place.run("find /run -mindepth 1 | sort")
    ours = {"/run/user", f"/run/user/{os.getuid()}"}
    looked_for = {os.path.realpath(path) for path in LOOKED_FOR}
    assert ours <= set(done.stdout.split())
    assert all(path in ours or any(it.startswith(path) for it in looked_for) for path in done.stdout.split())


@needs_seal
def test_a_disk_that_a_desktop_mounts_is_seen_and_nothing_behind_it(place: Place) -> None:
    """A project on a stick: from its folder `..` must not lead to what is covered. On PATH: a link, as fnm has."""
    run = (
        "mount -t tmpfs x /run; mkdir -p /run/media/me/stick /run/node; touch /run/docker.sock /run/media/me/stick/file"
    )
    run += '; ln -s /usr /run/node/18; cd /run/media/me/stick; PATH=$PATH:/run/node/18/bin exec "$@"'
    words = place.words("bash", "-c", "ls; ls ../../..; ls -A /run/node")
    done = subprocess.run(
        ["unshare", "-Urm", "bash", "-c", run, "x", *words], capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["file", "media", "node", "user", "18"], "")


@needs_seal
def test_another_user_s_socket_has_no_file_of_ours_covered(place: Place, tmp_path: Path) -> None:
    """It had the name of a file of the client's, in a folder that is a link into the client's folder by now."""
    (tmp_path / "evil").mkdir()
    with listening(f"{tmp_path}/evil/file"):
        (tmp_path / "evil").rename(tmp_path / "moved")
        (tmp_path / "evil").symlink_to(place.kept)
        done = place.run(f"cat {place.kept}/file")
    assert done.stdout == "the client's own"


@needs_seal
def test_of_daybox_itself_a_client_sees_its_own_folder_and_nothing_else(place: Place) -> None:
    done = place.run(f"cat {place.kept}/file; echo more >>{place.kept}/file; find {place.state} -type f")
    assert done.stdout == f"the client's own{place.kept}/file\n"
    assert (place.kept / "file").read_text() == "the client's ownmore\n"


SECRETS = (
    *(".ssh/id_ed25519", ".config/linode-cli", ".linode-cli", ".pulumi/credentials.json"),
    *(".cache/huggingface/token", ".cache/huggingface/stored_tokens"),
)


def give(home: Path, file: str) -> Path:
    """A secret there."""
    path = home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("secret")
    return path


@needs_seal
def test_keys_in_the_home_are_not_seen(place: Place, tmp_path: Path) -> None:
    for file in SECRETS:
        give(tmp_path, file)
    done = place.run(f"cd; cat {' '.join(SECRETS)}", HOME=str(tmp_path))
    assert (done.stdout, done.stderr.count("\n")) == (
        "",
        1,
    )  # the first one's folder is empty, the others are empty files


@needs_seal
@pytest.mark.parametrize(
    ("variable", "value", "file"),
    [
        ("HF_HOME", "x", "x/token"),
        ("HF_HOME", "x", "x/stored_tokens"),
        ("HF_TOKEN_PATH", "x/own", "x/own"),
        ("HF_TOKEN_PATH", "x/own", "x/stored_tokens"),
        ("XDG_CACHE_HOME", "x", "x/huggingface/stored_tokens"),
        ("XDG_CONFIG_HOME", "x", "x/linode-cli"),
        ("LINODE_CLI_CONFIG", "x", "x"),
        ("PULUMI_HOME", "x", "x/credentials.json"),
        ("PULUMI_CREDENTIALS_PATH", "x", "x/credentials.json"),
    ],
)
def test_keys_that_a_variable_has_moved_are_not_seen(
    variable: str, value: str, file: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher's variable: the client may not even be given it."""
    monkeypatch.setenv(variable, f"{tmp_path}/{value}")
    done = place.run(f"cat {give(tmp_path, file)}", **{variable: ""})
    assert (done.returncode, done.stdout) == (0, "")


@needs_seal
def test_variables_that_lead_to_covered_places_are_gone(place: Place) -> None:
    done = place.run("echo ${SSH_AUTH_SOCK-gone} ${TMUX-gone} $KEPT", SSH_AUTH_SOCK="/x", TMUX="/y", KEPT="kept")
    assert done.stdout == "gone gone kept\n"


@needs_seal
def test_the_seal_cannot_be_taken_off(place: Place) -> None:
    script = (
        f"umount {place.state}; ip link add x type dummy; ip link set lo down; mount -t tmpfs x /mnt;"
        "grep -E 'NoNewPrivs' /proc/self/status; ls -d /proc/[0-9]* | wc -l"
    )
    done = place.run(script)
    assert done.stdout.split()[:2] == ["NoNewPrivs:", "1"]
    assert int(done.stdout.split()[2]) < 8  # of this laptop's processes it sees none
    assert len(done.stderr.splitlines()) >= 4
    assert place.run(f"unshare -Urm umount {place.state} || ls {place.state}").stdout == "stacks\n"


@needs_seal
@pytest.mark.parametrize("own", ["", "unshare -Ur ", "unshare -Urm umount /proc/sys; "], ids=["so", "nested", "bared"])
def test_what_the_kernel_starts_outside_cannot_be_named(place: Place, own: str) -> None:
    """The program that gets a core: whoever may write its name is root outside."""
    pattern = Path("/proc/sys/kernel/core_pattern")
    before = pattern.read_text()
    place.run(f"{own}sh -c 'echo \"|/nowhere\" >{pattern}'")
    after = pattern.read_text()
    if after != before:
        pattern.write_text(before)
    assert after == before


@needs_seal
def test_a_client_s_own_sandbox_works_in_a_seal(place: Place) -> None:
    """As Codex runs commands, with bubblewrap; root gets no /proc of its own there, which Codex allows for."""
    own_proc = "" if os.access("/proc/sys/kernel/core_pattern", os.W_OK) else "--mount-proc"
    nested = f"unshare --user --map-current-user --net --mount --pid --fork {own_proc} id -u; unshare -Ur id -u"
    assert place.run(nested).stdout == f"{os.getuid()}\n0\n"


@needs_seal
@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -TERM $$", -15), ("kill -KILL $$", -9)])
def test_the_client_s_end_is_passed_on(place: Place, script: str, status: int) -> None:
    assert place.run(script).returncode == status


@needs_seal
def test_a_program_that_is_not_there_is_told_as_a_shell_does(place: Place) -> None:
    done = subprocess.run(place.words("/nowhere"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (127, "fab launch: /nowhere: No such file or directory\n")


@needs_seal
def test_what_a_client_leaves_running_ends_with_it(place: Place) -> None:
    """As servers of opencode and Cline, which detach themselves."""
    place.run("(setsid sleep 4242 >/dev/null 2>&1 &) ; sleep 0.2")
    assert subprocess.run(["pgrep", "-f", "^sleep 4242$"], check=False, stdout=subprocess.DEVNULL).returncode == 1


@needs_seal
def test_without_a_gateway_the_client_is_told_so(place: Place) -> None:
    place.end_gateway()
    done = place.run(ASK)
    assert done.stdout.endswith("503")
    assert "see `fab tunnel`" in done.stdout


@needs_seal
def test_whoever_is_in_a_folder_that_is_covered_is_told_so(place: Place) -> None:
    done = subprocess.run(place.words("true"), cwd=place.kept, capture_output=True, text=True, check=False)
    assert done.returncode == sealed.UNSEALED
    assert done.stderr.startswith(f"fab launch: not sealed: {place.kept} lies in {place.state}")


@needs_seal
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_launcher_that_is_told_to_end_ends_the_client(place: Place, number: signal.Signals, tmp_path: Path) -> None:
    trap = f"trap 'echo ended >{tmp_path}/ended; exit 3' {number.name[3:]}"
    script = f"{trap}; touch {tmp_path}/up; while :; do sleep 0.1; done"
    process = subprocess.Popen(place.words("bash", "-c", script))
    wait_until((tmp_path / "up").exists)
    process.send_signal(number)
    assert process.wait(10) == 3
    assert (tmp_path / "ended").exists()


@needs_seal
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_client_that_does_not_heed_is_ended_some_seconds_later(
    place: Place, number: signal.Signals, tmp_path: Path
) -> None:
    words = place.words("bash", "-c", f"trap '' TERM HUP; touch {tmp_path}/up; while :; do sleep 0.1; done")
    hurried = "from playbooks import sealed; sealed.GRACE_SECONDS = 0.5; from playbooks.sealed import main;"
    words[3] = words[3].replace("from playbooks.sealed import main;", hurried)
    process = subprocess.Popen(words)
    wait_until((tmp_path / "up").exists)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    assert process.wait(10) == 128 + signal.SIGKILL


@needs_seal
def test_a_launcher_that_is_killed_takes_the_client_with_it(place: Place, tmp_path: Path) -> None:
    process = subprocess.Popen(place.words("bash", "-c", f"touch {tmp_path}/up; exec sleep 4343"))
    wait_until((tmp_path / "up").exists)
    process.kill()
    process.wait()
    wait_until(lambda: subprocess.run(["pgrep", "-f", "^sleep 4343$"], check=False, stdout=-3).returncode == 1)


@needs_seal
def test_an_ordinary_user_needs_no_root(place: Place) -> None:
    """Here another number in a namespace without capabilities: to the kernel that is an ordinary user."""
    ordinary = ["unshare", "--user", "--map-user=1234", "--map-group=1234"]
    ordinary += ["setpriv", "--bounding-set=-all", "--no-new-privs"]
    script = f"id -u; {ASK}; curl -s http://192.0.2.1; echo ' '$?; grep CapPrm /proc/self/status; ls -A {place.state}"
    done = subprocess.run([*ordinary, *place.words("bash", "-c", script)], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1234", "gateway200", "7", "CapPrm:", "0" * 16, "stacks"]


def wait_until(is_so: object, seconds: float = 10.0) -> None:
    """Wait until it is so; fail if it does not become so."""
    deadline = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass
class Terminal:
    """A sealed client in the foreground of a terminal of its own."""

    pid: int
    end: int
    said: bytes = b""

    def wait_for(self, word: bytes, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while word not in self.said:
            assert time.monotonic() < deadline, self.said
            self.said += os.read(self.end, 4096)

    def type(self, keys: bytes) -> None:
        os.write(self.end, keys)


@pytest.fixture
def terminal(place: Place) -> Iterator[Terminal]:
    client = (
        "import signal, time\n"
        "signal.signal(signal.SIGWINCH, lambda *_: print('resized', flush=True))\n"
        "signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))\n"
        "print('there', flush=True)\n"
        "while True: time.sleep(10)\n"
    )
    pid, end = pty.fork()
    if not pid:
        words = place.words("/usr/bin/env", "python3", "-c", client)
        os.execv(words[0], words)
    made = Terminal(pid, end)
    made.wait_for(b"there")
    yield made
    os.close(end)
    wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)  # a terminal that is closed ends the client


@needs_seal
def test_ctrl_c_and_a_resized_window_are_the_client_s_business(terminal: Terminal) -> None:
    terminal.type(b"\x03")
    terminal.wait_for(b"interrupted")
    fcntl.ioctl(terminal.end, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
    terminal.wait_for(b"resized")


JOB = """
import os, signal, subprocess, sys
words = sys.argv[1:]
job = subprocess.Popen(words, process_group=0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
os.tcsetpgrp(0, job.pid)
_, status = os.waitpid(job.pid, os.WUNTRACED)
print("stopped" if os.WIFSTOPPED(status) else f"ended {status}", flush=True)
os.killpg(job.pid, signal.SIGCONT)
print("status", os.waitstatus_to_exitcode(os.waitpid(job.pid, 0)[1]), flush=True)
"""


@needs_seal
@pytest.mark.parametrize("target", ["0", "$$"], ids=["the job", "itself"])
def test_a_client_that_stops_is_stopped_for_its_shell_and_goes_on(place: Place, target: str) -> None:
    """As Ctrl-Z in an editor. Whoever waits outside must see it stopped, or the shell would wait for ever."""
    pid, end = pty.fork()
    if not pid:
        words = place.words("bash", "-c", f"trap '' TTOU; kill -TSTP {target}; sleep 0.5; exit 9")
        os.execv(sys.executable, [sys.executable, "-c", JOB, *words])
    made = Terminal(pid, end)
    made.wait_for(b"status 9")
    assert b"stopped" in made.said
    os.close(end)
    os.waitpid(pid, 0)


def test_elsewhere_than_on_linux_there_is_no_seal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert seal.refusal() == "a seal is made of Linux's namespaces, and this is no Linux"


@pytest.mark.parametrize(
    ("number", "forbids", "way_out"),
    [
        (0, "1", "AppArmor forbids it: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        (1, "0", "the kernel forbids it: sysctl -w kernel.unprivileged_userns_clone=1"),
        (2, "0", "the kernel forbids it: sysctl -w user.max_user_namespaces=10000"),
    ],
    ids=["Ubuntu 24.04", "Debian 10", "hardened"],
)
def test_who_forbids_it_is_named_with_the_way_out(
    number: int, forbids: str, way_out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _, words = seal.SWITCHES[number]
    (tmp_path / Path(file).name).write_text(f"{forbids}\n")
    monkeypatch.setattr(seal, "SWITCHES", [(str(tmp_path / Path(file).name), forbids, words)])
    monkeypatch.setattr("playbooks.seal_kernel.may_administer", lambda: False)
    told = seal.because("unshare: Operation not permitted")
    assert (
        told
        == f"this laptop does not let users have networks of their own (unshare: Operation not permitted); {way_out}"
    )


@needs_seal
def test_where_the_kernel_refuses_it_is_said(place: Place) -> None:
    """With no namespace left to be had, as in a container of a careful host."""
    forbidden = 'echo 0 >/proc/sys/user/max_net_namespaces; exec setpriv --bounding-set=-all --no-new-privs "$@"'
    program = "import sys; sys.path.insert(0, '.'); from playbooks import seal; print(seal.refusal())"
    words = ["unshare", "-Ur", "bash", "-c", forbidden, "x", sys.executable, "-c", program]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("this laptop does not let ")
    refused = subprocess.run([*words[:6], *place.words("true")], capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr[:24]) == (sealed.UNSEALED, "fab launch: not sealed: ")


def test_a_guarded_port_leads_to_the_gateway_and_is_never_free(place: Place) -> None:
    with seal.guard(place.way) as port:
        assert asked(port) == (200, b"gateway")
        place.end_gateway()
        assert asked(port)[0] == 503
        assert not another_user_can_take(port)
    assert another_user_can_take(port)


def test_what_is_left_of_a_guarded_port_ends_without_a_word(tmp_path: Path) -> None:
    """One connection that the gateway does not answer, and one that asks nothing where no gateway is."""
    script = (
        "import gc, socket, sys, time; from pathlib import Path; from playbooks.seal import guard\n"
        "gateway = socket.socket(socket.AF_UNIX); gateway.bind(sys.argv[1]); gateway.listen(5)\n"
        "with guard(Path(sys.argv[1])) as port, guard(Path('/nowhere/x.sock')) as shut:\n"
        "    asking = [socket.create_connection(('127.0.0.1', number)) for number in (port, port, shut)]\n"
        "    asking[0].sendall(b'x'); time.sleep(0.3)\n"
        "gc.collect(); print([one.recv(9) for one in asking])\n"
    )
    words = [sys.executable, "-X", "dev", "-W", "ignore::ResourceWarning", "-c", script, str(tmp_path / "g.sock")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("[b'', b'', b'']\n", "")


@needs_seal
def test_what_is_left_of_a_sealed_client_s_connections_ends_without_a_word(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "g.sock"))
        silent.listen()
        script = f"curl -s http://127.0.0.1:{PORT}/ >/dev/null 2>&1 & sleep 0.5"  # what curl says of it is its own
        words = seal.sealed(["bash", "-c", script], PORT, tmp_path / "g.sock")
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def asked(port: int) -> tuple[int, bytes]:
    """What a request there gets."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    return int(said.split()[1]), said.partition(b"\r\n\r\n")[2]


def another_user_can_take(port: int) -> bool:
    """Whether somebody else could listen there: root tries as nobody, others as themselves."""
    pid = os.fork()
    if not pid:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            taken = socket.socket()
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


UNIX = """Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 16210 /run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 03 20000
0000000000000000: 00000002 00000000 00010000 0001 01 16211 @/tmp/.X11-unix/X0
0000000000000000: 00000002 00000000 00010000 0001 01 16212 /home/a b/x.sock
0000000000000000: 00000002 00000000 00010000 0001 01 16213 ./vllm.sock
0000000000000000: 00000002 00000000 00010000 0001 01 16214 /var/lib/sss/pipes/nss
"""


def test_sockets_with_a_path_are_found_in_the_kernel_s_table() -> None:
    """Abstract ones belong to a network, and stay behind with it."""
    assert sockets_in(UNIX) == ["/home/a b/x.sock", "/run/docker.sock"]


def test_a_socket_that_is_named_without_its_folder_is_sought_where_processes_are() -> None:
    found = ["/home/a b/x.sock", "/run/docker.sock", "/tmp/vllm.sock", "/vllm.sock"]
    assert sockets_in(UNIX, ["/tmp", "/"]) == found
    assert os.getcwd() in working_folders()


def test_a_link_in_tmp_has_nothing_of_ours_covered(tmp_path: Path) -> None:
    """Another user may have laid it."""
    (link := Path(f"/tmp/daybox-{os.getpid()}")).symlink_to(tmp_path)
    assert real_places([str(link)]) == []
    link.unlink()


@pytest.mark.parametrize("whole", ["/", "/tmp", "~", "~/..", "relative"])
def test_a_variable_does_not_have_everything_covered(whole: str) -> None:
    """XDG_RUNTIME_DIR=/tmp is common in containers."""
    assert moved({"XDG_RUNTIME_DIR": whole, "GNUPGHOME": whole}, 1000) == []


def test_what_is_looked_for_behind_a_link_is_found_in_a_covered_place(tmp_path: Path) -> None:
    """As /etc/resolv.conf often is, and all programs of NixOS."""
    (tmp_path / "run/in").mkdir(parents=True)
    (tmp_path / "run/in/file").touch()
    (tmp_path / "run/system").symlink_to(tmp_path)
    (tmp_path / "etc").symlink_to("run/in/file")
    covered = [f"{tmp_path}/run"]
    assert steps_to(f"{tmp_path}/etc", covered) == [f"{tmp_path}/run/in/file"]
    assert steps_to(f"{tmp_path}/run/system/etc", covered) == [f"{tmp_path}/run/system", f"{tmp_path}/run/in/file"]
    assert steps_to(f"{tmp_path}/run/gone", covered) == []


def test_a_place_inside_another_one_is_covered_with_it(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    assert real_places([f"{tmp_path}/a/b", f"{tmp_path}/a"]) == [f"{os.path.realpath(tmp_path)}/a"]


@pytest.mark.parametrize("row", HIDDEN, ids=lambda row: row.path)
def test_every_covered_place_is_a_full_path_with_a_reason(row: object) -> None:
    path, why = vars(row)["path"], vars(row)["why"]
    assert path.startswith(("/", "~/"))
    assert why


def test_a_variable_stays_that_only_begins_alike() -> None:
    assert kept_variables({"DISPLAY": ":0", "SHELL": "sh", "STYLE": "x"}) == {"SHELL": "sh", "STYLE": "x"}
