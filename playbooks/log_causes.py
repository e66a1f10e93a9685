"""From a vLLM log to one cause: what is wrong, the line that shows it, and what cures it.

The rules are the rows of log_rules.py; here is how one is chosen. One pass, a constant amount of memory.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from playbooks.log_evidence import evidence, filled, number, own_words
from playbooks.log_lines import Line, lines, tail
from playbooks.log_needles import needles
from playbooks.log_phases import phase_after
from playbooks.log_rules import NO_PHASE_CURE, NO_RULE, PHASE_CURES, RULES, Rule

NO_FAILURE = ("healthy", "stopped-cleanly", "unknown")
# Warnings name what might go wrong, as the limit of open files, or a context longer than the model that one insists on.
QUIET = ("DEBUG", "INFO", "WARNING")
# So do torch's own warnings; and what is tried again is no failure yet (0.33 transformers_utils/repo_utils.py:127).
TRIED_ON = re.compile(r"^\[W\d{4} |, retrying \d+ of \d+$")
READY = re.compile(r"Application startup complete|\"(?:GET|POST) /\S{0,200} HTTP/1\.[01]\" 200|Avg prompt throughput")
# Docker's SIGTERM. The engine gets one from a failing server, too: it counts only where the server had served.
TOLD_TO_STOP = re.compile(r"API server: shutdown triggered|Received (?:SIGTERM|KeyboardInterrupt), shutting down")
ENGINE_TOLD = re.compile(r"EngineCore: trigger received signal=SIG(?:TERM|INT)")
DEAD = re.compile(
    r"encountered a fatal error|EngineDeadError|died unexpectedly|exited unexpectedly|Engine core initialization failed"
)
KILLED = re.compile(r"died unexpectedly \(exit code: -\d")  # by a signal: what the others say then is a consequence
FAILED = re.compile(r"[\w.]*(?:Error|Exception)(?:: |$)(?!WorkerProc initialization failed)")
CODE = "    "  # how a traceback quotes the program, which names texts that nobody said


@dataclass(frozen=True)
class Diagnosis:
    """One cause, by its name in log_rules.py.

    evidence: one line of the log, at most 300 characters, nothing that a user wrote. cure: one sentence for people.
    details: for programs, as `longest_context` (tokens), `phase`, `tp`, `gpus`, `flag`, `package`; of `unknown` also
    `state`, the name of its row in NO_RULE.
    """

    cause: str
    evidence: str
    cure: str
    details: Mapping[str, object]

    def row(self) -> dict[str, object]:
        """For --json."""
        return {"cause": self.cause, "evidence": self.evidence, "cure": self.cure, "details": dict(self.details)}


@dataclass
class Story:
    """What the lines of one start have said so far."""

    cut: bool = False  # whether its beginning is too far back to be read: then it has served for days
    before: str = "unknown"  # what the start before this one came to
    heard: int = 0
    phase: str = "start"
    ready: str = ""  # the newest line that shows that it serves
    stopped: str = ""  # the line that says that it was told to
    ours: bool = False  # whether vLLM speaks at all
    failed: str = ""  # the first error that no rule knows
    dead: str = ""  # the line that says that a process has ended
    last: str = ""
    found: Diagnosis | None = None
    consequence: Diagnosis | None = None  # holds only if nothing that could have brought it about is found


def diagnose(text: str | Iterable[str]) -> Diagnosis:
    """The cause of what the newest start in this log has come to. text: the log, or its lines."""
    return ending(hear(text, Story()))


def diagnose_file(path: Path) -> Diagnosis:
    """The same, of a file of any size: it is read from its end. Raises OSError."""
    text, whole = tail(path)
    return ending(hear(text, Story(cut=not whole)))


def hear(text: str | Iterable[str], story: Story) -> Story:
    """What the newest start has said, if `story` is known when the log begins."""
    for said in lines(text):
        line = Line(own_words(said.text), said.level)
        if line.begins:
            story = Story(before=ending(story).cause)
        listen(story, line)
    return story


def listen(story: Story, line: Line) -> None:
    """Take one more line in."""
    story.heard += 1
    story.ours = story.ours or line.begins or "vllm" in line.text
    story.last = line.text
    if story.cut and line.level:
        story.ready, story.phase = story.ready or line.text, "run"
    go_on(story, line.text)
    if story.stopped or line.level in QUIET or TRIED_ON.search(line.text):
        return
    if DEAD.search(line.text):
        story.dead = story.dead or line.text
    elif FAILED.match(line.text) and not serves(story) and not KILLED.search(story.dead):
        story.failed = story.failed or line.text
    if not story.found:
        match(story, line.text)


def serves(story: Story) -> bool:
    """Whether it serves: what is said then is mostly a client's error."""
    return bool(story.ready) and not story.dead


def go_on(story: Story, text: str) -> None:
    """How far the start is after this line."""
    if TOLD_TO_STOP.search(text) or (serves(story) and ENGINE_TOLD.search(text)):
        story.stopped = story.stopped or text
    if READY.search(text):
        if not story.ready and not story.dead:  # what was said until then did not keep it from serving
            story.found, story.consequence, story.failed = None, None, ""
        story.ready, story.phase = text, "run"
    elif not story.ready:
        story.phase = phase_after(story.phase, text)


def match(story: Story, text: str) -> None:
    """Keep what this line says of the cause."""
    if text.startswith(CODE) and "assert " not in text:
        return
    if found := first_match(text, ready=serves(story)):
        rule, groups = found
        told = tell(rule, text, groups, story.phase)
        if not rule.consequence:
            story.found = told
        elif not story.consequence and not KILLED.search(story.dead):
            story.consequence = told


def first_match(text: str, *, ready: bool) -> tuple[Rule, dict[str, str]] | None:
    """The first rule that the line meets, and the values it names. ready: the server serves, few rules hold then."""
    patterns, texts = compiled()
    for place in sorted({place for plain, place in texts if plain in text}):
        if ready and not RULES[place].serving:
            continue
        if found := patterns[place].search(text):
            return RULES[place], {name: value for name, value in found.groupdict().items() if value is not None}
    return None


@cache
def compiled() -> tuple[tuple[re.Pattern[str], ...], tuple[tuple[str, int], ...]]:
    """The rules' patterns, and each text with the number of a rule that needs it; an empty text is in every line.

    Made when the first log is read, not when `fab -l` imports this.
    """
    texts = tuple((plain, place) for place, rule in enumerate(RULES) for plain in needles(rule.pattern) or ("",))
    return tuple(re.compile(rule.pattern) for rule in RULES), texts


def tell(rule: Rule, text: str, groups: Mapping[str, str], phase: str) -> Diagnosis:
    """The diagnosis by one rule."""
    details: dict[str, object] = {name: number(value) for name, value in groups.items()} | dict(rule.details)
    cure = rule.cure
    if rule.cause == "out-of-memory":
        details = ({} if phase == "start" else {"phase": phase}) | details
        cure = cure or PHASE_CURES.get(str(details.get("phase")), NO_PHASE_CURE)
    return Diagnosis(rule.cause, evidence(text), filled(cure, details), details)


def ending(story: Story) -> Diagnosis:
    """The diagnosis when there are no more lines."""
    if told := story.found or story.consequence:
        return told
    if story.stopped:
        return Diagnosis("stopped-cleanly", evidence(story.stopped), NO_RULE["stopped-cleanly"], {})
    if serves(story):
        return Diagnosis("healthy", evidence(story.ready), NO_RULE["healthy"], {})
    shown, how = story.failed or story.dead or story.last, unknown(story)
    details = {"phase": story.phase, "state": how} | ({"before": story.before} if how == "again" else {})
    return Diagnosis("unknown", evidence(shown), filled(NO_RULE[how], details), details)


def unknown(story: Story) -> str:
    """Which of NO_RULE says what to do with a log in which nothing was found."""
    if not story.heard:
        return "empty"
    if story.failed:
        return "failed"
    if story.dead:
        return "dead"
    if story.ours:
        return "starting" if story.before in NO_FAILURE else "again"
    return "unknown"
