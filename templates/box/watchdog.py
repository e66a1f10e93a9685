#!/usr/bin/env python3
"""The box's own killer: one look, every 20 s; at a limit it deletes the box through its provider's API.

`watchdog` looks once · `--prove` reads our own Instance with the token · `--status` says when and why the box ends.
What cannot be known neither kills nor extends: then the hard end stops the bill. What decides is pure: observe, decide.
No clock that can be set counts: time is the API's, carried on by this boot's uptime; and without the API nothing ends.
"""

import json
import math
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener, urlopen

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # these three are set by tests only
METRICS = os.environ.get("DAYBOX_VLLM", "http://127.0.0.1:8000") + "/metrics"
TRIES_S = float(os.environ.get("DAYBOX_TRIES_S", 40))  # of one look; the next comes 20 s later
LIMITS, TOKEN = ROOT / "etc/daybox/watchdog.json", ROOT / "etc/daybox/token"
NEW = ROOT / "etc/daybox/new"  # what arming brings lies here until it is proved
STATE = ROOT / "var/lib/daybox/watchdog-state.json"
STALE_S = 900  # longer than the longest prefill: a queue that moves no counter for so long is a known bug of vLLM
ASK_S = 120  # how old the API's word on the time and on our token may be
FRESH_S = 120  # a state older than this is that of a watchdog that does not run


@dataclass(frozen=True)
class Limits:
    """What arming wrote. Times: seconds since 1970, UTC."""

    instance_id: int
    api_url: str
    lease: str
    created_at: float
    ends_at: float
    idle_minutes: float
    ready_minutes: float
    self_destruct: bool


@dataclass(frozen=True)
class Sample:
    """vLLM's own numbers. began: start of its process; work: only ever grows; queue: requests running or waiting."""

    began: float
    work: float
    queue: float
    generated: float


@dataclass(frozen=True)
class Look:
    """What is seen now. uptime: seconds, by a clock that nobody sets; api_time: None if the API was not asked."""

    boot: str
    uptime: float
    api_time: float | None = None
    sample: Sample | None = None
    ready: bool = False


@dataclass(frozen=True)
class History:
    """What earlier looks saw. lived: seconds watched, over all boots; moved, queued, active: moments on that clock."""

    boot: str = ""
    uptime: float = 0.0
    lived: float = 0.0
    api_ahead: float | None = None  # the API's time minus this boot's uptime
    asked: float = 0.0  # uptime when the API told its time
    ready: bool = False
    began: float = 0.0
    work: float = 0.0
    moved: float | None = None  # when work last grew
    queued: float | None = None  # since when the queue is not empty
    active: float | None = None  # when it was last busy, or first seen at all
    known: bool = False  # whether the last look saw vLLM


@dataclass(frozen=True)
class Decision:
    """Whether the box ends now; by which limit it ends or would, and when."""

    delete: bool
    reason: str
    at: float


def observe(history: History, look: Look) -> History:
    """`history`, and what is seen now."""
    same = look.boot == history.boot
    # NOTE: at a new boot uptime itself says nothing: that of a container is its host's.
    lived = history.lived + (max(0.0, look.uptime - history.uptime) if same else 0.0)
    ahead, asked = (history.api_ahead, history.asked) if same else (None, 0.0)
    if look.api_time is not None:
        ahead, asked = look.api_time - look.uptime, look.uptime
    known, ready = look.sample is not None, history.ready or look.ready
    now = replace(history, boot=look.boot, uptime=look.uptime, lived=lived, known=known, ready=ready)
    now = replace(now, api_ahead=ahead, asked=asked)
    return busyness(now, look.sample) if look.sample else now


def busyness(now: History, sample: Sample) -> History:
    """When the box was last busy. What a new process has done, it did since the last look."""
    anew = sample.began != now.began
    grew = sample.work != (0.0 if anew else now.work)  # backwards, too: that is never taken for idle
    moved = now.lived if grew or now.moved is None else now.moved
    queued = None if sample.queue <= 0 else now.lived if anew or now.queued is None else now.queued
    busy = grew or (queued is not None and now.lived - max(moved, queued) < STALE_S)
    active = now.lived if busy or now.active is None else now.active
    ready = now.ready or sample.generated > 0
    return replace(now, ready=ready, began=sample.began, work=sample.work, moved=moved, queued=queued, active=active)


def clock(limits: Limits, history: History) -> float:
    """The time, seconds since 1970; never less than what was lived, which is all there is until the API has told."""
    lived = limits.created_at + history.lived
    return lived if history.api_ahead is None else max(lived, history.uptime + history.api_ahead)


def decide(limits: Limits, history: History, now: float) -> Decision:
    """The limit that ends the box first, and whether it is reached at `now`."""
    ends = [(limits.ends_at, "the lease has ended")]
    if not history.ready:
        ends.append((limits.created_at + limits.ready_minutes * 60, f"not ready within {limits.ready_minutes:g} min"))
    if history.active is not None:
        rest = limits.idle_minutes * 60 - (history.lived - history.active)
        # Idle since the last look that saw vLLM; one that does not see it cannot tell.
        ends.append((now + (rest if history.known else max(rest, 1)), f"idle for {limits.idle_minutes:g} min"))
    at, why = min(ends)
    return Decision(at <= now and limits.self_destruct, why, at)


LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)", re.MULTILINE)
WORK = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total", "vllm:request_success_total")
QUEUE = ("vllm:num_requests_running", "vllm:num_requests_waiting")


def parse_metrics(text: str) -> Sample | None:
    """Sums over all series, by full names: a counter's twin `…_created` holds a date. None if they are not vLLM's."""
    work = queue = generated = began = 0.0
    seen = False
    for name, labels, number in LINE.findall(text):
        value = float(number) if re.fullmatch(r"[\d.]+(e[+-]?\d+)?", number) else 0.0  # NaN and Inf are no news
        if name in WORK or (name == "http_requests_total" and is_work(labels)):
            work += value
        if name in QUEUE:
            queue, seen = queue + value, True
        generated += value if name == "vllm:generation_tokens_total" else 0
        began += value if name == "process_start_time_seconds" else 0
    return Sample(began, work, queue, generated) if seen and math.isfinite(work) else None


def is_work(labels: str) -> bool:
    """Requests that end without a token count, too; asking for the list of models is what programs do by themselves."""
    return 'handler="/v1' in labels and 'handler="/v1/models"' not in labels


class Unmoved(HTTPRedirectHandler):
    """Follows nothing: a token goes where it belongs, or nowhere."""

    def redirect_request(self, *_: object) -> None:
        """Never."""
        return None


def call(method: str, limits: Limits, token: Path = TOKEN) -> tuple[int, bytes, float, str]:
    """Status, body, the API's time and the token's scopes. The one address it knows is our own Instance's.

    Raises OSError, HTTPException.
    """
    url = f"{limits.api_url}/v4/linode/instances/{int(limits.instance_id)}"
    headers = {"Authorization": f"Bearer {token.read_text().strip()}", "User-Agent": "daybox-watchdog"}
    try:
        reply = build_opener(Unmoved, ProxyHandler({})).open(Request(url, headers=headers, method=method), timeout=10)
    except HTTPError as error:
        reply = error
    with reply:
        told = time.time()
        with suppress(TypeError, ValueError):
            told = parsedate_to_datetime(reply.headers["Date"]).timestamp()
        return reply.status, reply.read(1 << 16), told, reply.headers.get("X-OAuth-Scopes") or ""


def refusal(status: int) -> str:
    """What is wrong with the token, if that is what the API says."""
    return f"the API refuses the token: HTTP {status}" if status in (401, 403) else ""


def end_box(limits: Limits) -> str:
    """Delete the box, again and again until the API knows it no more; returns how far that came in this look."""
    until, said = time.monotonic() + TRIES_S, ""
    while time.monotonic() < until:
        try:
            status, *_ = call("DELETE", limits)
            said = refusal(status) or f"DELETE answered HTTP {status}"
            if status == 404 or refusal(status):
                break
        except (OSError, HTTPException) as error:
            said = f"the API was not reached: {error}"
        time.sleep(min(3.0, TRIES_S))
    return said


def scrape() -> Sample | None:
    """vLLM's numbers, None if they are not to be had."""
    try:
        with urlopen(METRICS, timeout=5) as reply:
            return parse_metrics(reply.read().decode())
    except (OSError, HTTPException, ValueError):
        return None


def read_limits(path: Path = LIMITS) -> Limits:
    """Raises SystemExit if there are none, or not all."""
    try:
        raw = json.loads(path.read_text())
        return Limits(**{field.name: raw[field.name] for field in fields(Limits)})
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"not armed: {path}: {error}") from None


@dataclass
class State:
    """What is kept between two looks. checked: by the wall clock, for people only."""

    history: History
    trouble: str = ""
    announced: str = ""
    checked: float | None = None

    @classmethod
    def read(cls) -> "State":
        """A new one if there is none that makes sense: the hard end needs no memory."""
        try:
            raw = json.loads(STATE.read_text())
            return cls(History(**raw.pop("history")), **raw)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(History())

    def write(self) -> None:
        """Whole or not at all; a full disk must not keep the box alive."""
        draft = STATE.with_suffix(".new")
        with suppress(OSError), draft.open("w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
            draft.replace(STATE)


def was_ready() -> bool:
    """Whether a completion ever came back on this box."""
    with suppress(OSError):
        events = (ROOT / "var/lib/daybox/stages.jsonl").read_text()
        return bool(re.search(r'"stage": "ready", "event": "end".*"outcome": "(done|already)"', events))
    return False


def boot_and_uptime() -> tuple[str, float]:
    """Which boot this is, and a clock that only ever goes on."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)


def look(limits: Limits, state: State) -> Look:
    """One look. The API is asked as soon as a boot begins, and then now and then."""
    (boot, uptime), history, told = boot_and_uptime(), state.history, None
    fresh = history.boot == boot and history.api_ahead is not None and uptime - history.asked < ASK_S
    if limits.self_destruct and not fresh:
        try:
            status, _, told, _ = call("GET", limits)
            state.trouble = refusal(status)
        except (OSError, HTTPException) as error:
            state.trouble = f"the API was not reached: {error}"
    return Look(boot, boot_and_uptime()[1], told, scrape(), was_ready())


def tick() -> str:
    """Look, and end the box if it is time; returns what was found, on one line."""
    limits, state = read_limits(), State.read()
    state.history = observe(state.history, look(limits, state))
    state.checked = time.time()
    decision = decide(limits, state.history, clock(limits, state.history))
    if not decision.delete:
        state.announced = ""
        state.write()
        ends = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(decision.at))
        return "; ".join(filter(None, [f"ends at {ends} unless extended: {decision.reason}", state.trouble]))
    if state.announced != decision.reason:
        with suppress(OSError):
            subprocess.run(["wall", f"daybox: this box is deleted now: {decision.reason}"], check=False)
    state.announced = decision.reason
    state.write()
    state.trouble = end_box(limits)
    state.write()
    return f"deleting this box: {decision.reason}; {state.trouble}"


def prove() -> str:
    """Our own Instance as the API shows it to our token, or to a new one that waits to take its place.

    Raises SystemExit if it does not, or if the token could not delete the box.
    """
    folder = NEW if NEW.is_dir() else TOKEN.parent
    limits = read_limits(folder / LIMITS.name)
    try:
        status, body, _, scopes = call("GET", limits, folder / TOKEN.name)
    except (OSError, HTTPException) as error:
        raise SystemExit(f"{limits.api_url} was not reached: {error}") from None
    if status != 200:
        raise SystemExit(f"{limits.api_url}: HTTP {status} for Instance {limits.instance_id}: {body[:200].decode()}")
    if scopes and not {"*", "linodes:*", "linodes:read_write"} & set(scopes.replace(",", " ").split()):
        raise SystemExit(f"the token may not delete this box: it has {scopes}, not linodes:read_write")
    seen = json.loads(body)
    return json.dumps({key: seen[key] for key in ("id", "label", "status")})


def status() -> str:
    """What the laptop wants to know, as JSON."""
    nothing = {"armed": False, "dies_at": None, "idle_minutes": None, "last_check": None}
    try:
        limits = read_limits()
    except SystemExit as error:
        return json.dumps({**nothing, "why": str(error)})
    state, (boot, uptime) = State.read(), boot_and_uptime()
    history = state.history
    # For people: without the API's word the wall clock is the best guess.
    guess = state.checked if history.api_ahead is None and state.checked else clock(limits, history)
    decision = decide(limits, history, guess)
    runs = history.boot == boot and uptime - history.uptime < FRESH_S
    why = [decision.reason if limits.self_destruct else "it may not delete itself", state.trouble]
    idle = None if history.active is None or not history.known else round((history.lived - history.active) / 60, 2)
    report = {
        "armed": limits.self_destruct and runs and TOKEN.is_file() and "token" not in state.trouble,
        "dies_at": decision.at if limits.self_destruct else None,
        "why": "; ".join(filter(None, [*why, "" if runs else "its timer does not run"])),
        "idle_minutes": idle,
        "last_check": state.checked,
    }
    return json.dumps(report)


if __name__ == "__main__":
    print({"--prove": prove, "--status": status}.get("".join(sys.argv[1:]), tick)())
