#!/usr/bin/env -S python3 -B
"""The box's own killer: one look, every 20 s; at a limit it deletes the box through its provider's API.

`watchdog` looks once · `--prove` reads our own Instance with the token · `--status` says when and why the box ends
· `--keep-until EPOCH` keeps an idle box until then. What decides is pure and beside this file: watchdog_rules.py.
No clock that can be set counts: time is the API's, carried on by this boot's uptime; and without the API nothing ends.
"""

import json
import math
import os
import re
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from templates.box.watchdog_api import call, end_box, refusal
from templates.box.watchdog_rules import (
    Decision,
    History,
    Limits,
    Look,
    Sample,
    beginning,
    clock,
    decide,
    observe,
    of_both,
    paid_until,
    parse_metrics,
)
from templates.box.watchdog_words import say, within

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # these four are set by tests only
VLLM = os.environ.get("DAYBOX_VLLM", "http://127.0.0.1:8000")
ARCHITECT = os.environ.get("DAYBOX_ARCHITECT", "http://127.0.0.1:8001")
TRIES_S = float(os.environ.get("DAYBOX_TRIES_S", 40))  # of one look; the next comes 20 s later
LIMITS, TOKEN = ROOT / "etc/daybox/watchdog.json", ROOT / "etc/daybox/token"
NEW = ROOT / "etc/daybox/new"  # what arming brings lies here until it is proved
# Memory survives a reboot on the disk, and a full disk in /run.
STATES = ROOT / "run/daybox/watchdog-state.json", ROOT / "var/lib/daybox/watchdog-state.json"
KEPT = ROOT / "var/lib/daybox/kept-until"
FACTS = ROOT / "opt/daybox/facts.json"
# What the stage `ready` asked of each vLLM.
OWN_WORK, ARCHITECT_WORK = (ROOT / f"var/lib/daybox/{name}.json" for name in ("own-work", "own-work-architect"))
SCRAPE_S = 5.0
HEARD_S = 2.0  # last words take a moment to the laptop; a box that is deleted at once takes them along
FRESH_S = 120  # a state older than this is that of a watchdog that does not run
DEAF_S = 600  # one that has not reached the API for so long is not believed to end anything
UNREACHED = "the API was not reached"


def scrape(vllm: str = VLLM, own_work: Path = OWN_WORK) -> Sample | None:
    """A vLLM's numbers without what we asked ourselves, None if they are not to be had."""
    sample = within(SCRAPE_S, lambda: parse_metrics(urlopen(f"{vllm}/metrics", timeout=SCRAPE_S).read().decode()))
    with suppress(OSError, ValueError, KeyError, TypeError):
        own = json.loads(own_work.read_text())
        if sample and own["began"] == sample.began:  # else a reboot, after which `ready` asks again, looked like work
            return replace(sample, work=sample.work - own["work"])
    return sample


def has_architect() -> bool:
    """Whether a second vLLM serves beside the first."""
    with suppress(OSError, ValueError):
        return "architect" in json.loads(FACTS.read_text())
    return False


def read_limits(path: Path = LIMITS) -> Limits:
    """Raises SystemExit if there are none, or not all."""
    try:
        raw = json.loads(path.read_text())
        if "ends_at" in raw:  # written by daybox 0.1.0
            raw["ends"] = [[raw["ends_at"], "the lease has ended"]]
        return Limits(**{field.name: raw[field.name] for field in fields(Limits) if field.name in raw})
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(f"not armed: {path}: {error}") from None


@dataclass
class State:
    """What is kept between two looks. checked: by the wall clock, for people only; said: what was told to people.

    architect: the history of the second vLLM, as of a box that has nothing else; None if there is none.
    deaf: since when, by the box's life, the API has not been reached; None if it was at the last look.
    """

    history: History
    architect: History | None = None
    trouble: str = ""
    said: str = ""
    checked: float | None = None
    deaf: float | None = None

    @classmethod
    def read(cls) -> "State":
        """A new one if there is none that makes sense: the hard end needs no memory."""
        for path in STATES:
            with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                raw = json.loads(path.read_text())
                other = raw.pop("architect", None)
                return cls(History(**raw.pop("history")), other and History(**other), **raw)
        return cls(History())

    @property
    def whole(self) -> History:
        """The history of the box, all its vLLMs together."""
        return of_both(self.history, self.architect) if self.architect else self.history

    def write(self) -> None:
        """Whole or not at all; a full disk must not keep the box alive."""
        for path in STATES:
            try:
                write(path, json.dumps(asdict(self)))
            except OSError:
                with suppress(OSError):
                    path.unlink()  # older than the other: it would be believed


def write(path: Path, text: str) -> None:
    """Put `text` into the file, whole and on disk, or raise OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def number(path: Path) -> float:
    """The number in the file, 0 if there is none."""
    try:
        found = float(path.read_text())
    except (OSError, ValueError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def was_ready() -> bool:
    """Whether a completion ever came back on this box."""
    with suppress(OSError):
        events = (ROOT / "var/lib/daybox/stages.jsonl").read_text(errors="replace")
        return bool(re.search(r'"stage": "ready", "event": "end".*"outcome": "(done|already)"', events))
    return False


def boot_and_uptime() -> tuple[str, float]:
    """Which boot this is, and a clock that only ever goes on."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)


def look(limits: Limits, state: State) -> Look:
    """One look. The API is asked each time: for its clock, and whether our token is still taken."""
    told, state.trouble = None, ""
    if limits.self_destruct:
        try:
            status, _, told, _ = call("GET", limits, TOKEN)
            state.trouble = refusal(status) or ("" if status == 200 else f"the API answered HTTP {status}")
        except (OSError, HTTPException) as error:
            state.trouble = f"{UNREACHED}: {error}"
    return Look(*boot_and_uptime(), told, scrape(), was_ready(), number(KEPT))


def tick() -> str:
    """Look, warn, and end the box if it is time; returns what was found, on one line."""
    limits, state = read_limits(), State.read()
    now, decision = judged(limits, state, look(limits, state))
    state.checked = time.time()
    if not state.trouble.startswith(UNREACHED):
        state.deaf = None
    elif state.deaf is None:
        state.deaf = state.history.lived
    heard = tell(limits, state, decision, now)
    if decision.action == "delete":
        time.sleep(min(HEARD_S, TRIES_S) if heard else 0)
        state.trouble = end_box(limits, TOKEN, TRIES_S)
        tell(limits, state, decision, now)
        return f"deleting this box: {decision.reason}; {state.trouble}"
    ends = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(decision.at))
    return "; ".join(filter(None, [f"ends at {ends} unless extended: {decision.reason}", state.trouble]))


def judged(limits: Limits, state: State, seen: Look) -> tuple[float, Decision]:
    """The time, and what to do now. A memory that makes no sense is forgotten: hard ends need none."""
    two = has_architect()
    seen_of_other = replace(seen, sample=scrape(ARCHITECT, ARCHITECT_WORK)) if two else seen
    for history, other in ((state.history, state.architect), (History(), None)):
        with suppress(Exception):
            state.history = observe(history, seen)
            state.architect = observe(other or beginning(history), seen_of_other) if two else None
            now = clock(limits, state.history)
            return now, decide(limits, state.whole, now)
    raise SystemExit(f"{LIMITS}: makes no sense")


def tell(limits: Limits, state: State, decision: Decision, now: float) -> bool:
    """Say what people should know, each thing once: that the box ends soon, that it ends now, that it cannot.

    Keeps the state first: whoever is told must not hold up what comes next. Returns whether there was something to say.
    """
    event, reason = str(decision.action), decision.reason
    if "refuses the token" in state.trouble:
        event, reason = "trouble", state.trouble
    said = "" if event == "keep" else f"{event}: {reason}"
    anew, state.said = said not in ("", state.said), said
    state.write()
    if anew:
        row = {
            "at": now,
            "event": event,
            "text": sentence(limits, event, reason, decision.at),
            "reason": reason,
            "ends_at": decision.at,
            "lived_seconds": now - limits.created_at,
            "tokens": served(state.whole),
            "stack": limits.stack,
            "lease": limits.lease,
            "box": limits.instance_id,
        }
        say(ROOT, row)
    return anew


def served(history: History) -> int | None:
    """Tokens served, None if vLLM was never seen."""
    return None if history.seen is None else round(history.tokens)


def sentence(limits: Limits, event: str, reason: str, at: float) -> str:
    """The event for people."""
    box, stack = f"daybox {limits.stack}, box {limits.instance_id}", f"--stack {limits.stack}"
    if event == "trouble":
        return f"{box}: cannot delete itself, and bills: {reason}; end it: fab sweep {stack}"
    if event == "delete":
        return f"{box}: is deleted now: {reason}"
    when = time.strftime("%H:%M UTC", time.gmtime(at))
    if reason.startswith("not ready"):
        way_out = f"see why: fab bootstrap {stack}"
    else:
        way_out = f"else: fab extend{'' if reason.startswith('idle') else ' --lease'} {stack} --minutes 60"
    return f"{box}: will be deleted at {when}: {reason}; {way_out}"


def keep_until(moment: float) -> str:
    """Keep an idle box until `moment`, 0 for no longer; returns the status. Raises SystemExit beyond a hard end."""
    limits = read_limits()
    at, why = min((float(at), str(why)) for at, why in limits.ends)
    if moment > at:
        ends = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
        raise SystemExit(f"it is deleted at {ends} in any case: {why}")
    write(KEPT, f"{moment}\n")
    return status()


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
    """What the laptop wants to know, as JSON. Times: seconds since 1970."""
    try:
        limits = read_limits()
    except SystemExit as error:
        return json.dumps({"armed": False, "why": str(error)})
    state, (boot, uptime) = State.read(), boot_and_uptime()
    history = replace(state.whole, kept=number(KEPT))
    # For people: without the API's word the wall clock is the best guess.
    guess = state.checked if history.api_ahead is None and state.checked else clock(limits, history)
    decision = decide(limits, history, guess)
    runs = history.boot == boot and uptime - history.uptime < FRESH_S
    why = [decision.reason if limits.self_destruct else "it may not delete itself", state.trouble]
    known = history.active is not None and history.seen == history.lived
    is_deaf = state.deaf is not None and history.lived - state.deaf >= DEAF_S
    able = TOKEN.is_file() and "token" not in state.trouble and not is_deaf
    report = {
        "armed": limits.self_destruct and runs and able,
        "now": guess,
        "action": decision.action,
        "dies_at": decision.at if limits.self_destruct else None,
        "why": "; ".join(filter(None, [*why, "" if runs else "its timer does not run"])),
        "idle_minutes": round((history.lived - (history.active or 0)) / 60, 2) if known else None,
        "paid_until": paid_until(limits, guess),
        "kept_until": history.kept or None,
        "tokens": served(history),
        "last_check": state.checked,
    }
    return json.dumps(report)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--keep-until"]:
        print(keep_until(float(sys.argv[2])))
    else:
        print({"--prove": prove, "--status": status}.get("".join(sys.argv[1:]), tick)())
