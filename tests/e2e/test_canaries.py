"""Invariant 8, with everything against us: a whole job under umask 000 and with debugging on, full of canaries.

A canary is a secret that can be recognised. Each is searched for afterwards in all that the job left and showed: in
command lines and environments while it ran, on both disks, in journal and containers, in Pulumi's files, in requests.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.trial import ASK, CALC
from tests.laptop import Laptop, new_laptop
from tests.leaks import environments, files_with, holds
from tests.playbooks.fake_box import free_port

EXPORTED = ("LINODE_TOKEN", "HF_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")
AUTHOR = {f"GIT_{who}_{what}": "u@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# What a user may type on such a day; the last ones fail, and are to say so without their secrets.
JOB = (
    "pulumi up -s local --yes --non-interactive --debug",
    "fab bootstrap",
    "fab tunnel",
    "fab launch-aider -- --message '{prompt}' --yes-always calc.py",
    "fab env",
    "fab status",
    "fab doctor",
    "fab verify",
    "fab logs --of vllm",
    "pulumi up -s local --yes --non-interactive --debug",
    "pulumi stack export -s local",
    "fab switch no-such-model",
    "fab launch-aider -- --no-such-word",
)


@dataclass
class Job:
    """A job that is done: its laptop, whose box still lives, its canaries, and what its processes showed."""

    laptop: Laptop
    repository: Path
    exported: dict[str, str]
    secrets: dict[str, str]
    prompt: str
    said: str
    seen: dict[bytes, bytes]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    laptop = new_laptop(tmp_path_factory.mktemp("canaries"))
    exported = {name: f"canary-{secrets.token_hex(16)}" for name in EXPORTED}
    webhook = f"http://127.0.0.1:9/canary-{secrets.token_hex(16)}"
    laptop.more |= exported | AUTHOR | {"DAYBOX_DEBUG": "1"}
    repository = user_repository(tmp_path_factory.mktemp("repository"))
    prompt = f"{ASK} canary-{secrets.token_hex(16)}"
    try:
        laptop.set(port=str(free_port()))
        laptop.must(f"umask 000; pulumi config set -s local --secret daybox:webhookUrl {webhook}")
        with environments() as seen:
            said = "".join(typed(laptop, line.format(prompt=prompt), repository) for line in JOB)
        found = own_secrets(laptop) | {"webhook": webhook.rpartition("/")[2]}
        yield Job(laptop, repository, exported, found, prompt, said, seen)
    finally:
        laptop.run("fab tunnel.close")
        laptop.destroy()
        laptop.cloud.stop()


def user_repository(folder: Path) -> Path:
    """With one commit."""
    (folder / "calc.py").write_text(CALC)
    script = "git init -q && git add calc.py && git -c user.name=u -c user.email=u@localhost commit -qm start"
    subprocess.run(script, shell=True, cwd=folder, check=True)
    return folder


def typed(laptop: Laptop, line: str, repository: Path) -> str:
    """All that a command says; every one but those that are meant to fail succeeds."""
    done = laptop.run(f"umask 000; {line}", repository if "launch" in line else None)
    if line == "fab verify":  # how fast the model is, is not asked here
        return done.out + done.err
    assert (done.status != 0) == ("no-such" in line), f"{line}: {done.status}\n{done.out[-2000:]}\n{done.err[-2000:]}"
    return done.out + done.err


def own_secrets(laptop: Laptop) -> dict[str, str]:
    """What this job made: name -> value; of a private key its third line."""
    stack = laptop.state / "stacks/local"
    keys = json.loads((stack / "tunnel/keys.json").read_text())
    return {
        "passphrase": (laptop.state / "passphrase").read_text().strip(),
        "first host key": (stack / "first_ed25519").read_text().splitlines()[2],
        "login key": (stack / "login_ed25519").read_text().splitlines()[2],
        "vLLM's key": (stack / "box_key").read_text().strip(),
        "gateway's witness": (stack / "tunnel/witness").read_text().strip(),
        "box's token": laptop.on_box("cat /etc/daybox/token").strip(),
        **{f"key of {client}": str(key) for client, key in keys.items()},
    }


def everything(job: Job) -> list[str]:
    """Every canary but the prompt."""
    return [*job.exported.values(), *job.secrets.values()]


def test_there_is_a_canary_of_every_kind(job: Job) -> None:
    assert len(job.secrets) >= 8 and all(len(secret) >= 16 for secret in everything(job))


def test_no_command_says_a_secret(job: Job) -> None:
    said = {name for name, secret in (job.secrets | job.exported).items() if secret in job.said}
    assert said == set()


def test_no_command_line_shows_a_secret_or_a_prompt(job: Job) -> None:
    """The prompt stands on the line that the user typed, and in no other."""
    assert not [line for line in job.seen if holds(line, everything(job)) and not was_typed(line)]


def was_typed(line: bytes) -> bool:
    """Whether it is the shell in which a test typed a secret."""
    return line.startswith(b"bash\0-c\0cd ")


PROVIDERS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")  # of the user's own other tools; a client must not see them
OUR_PROGRAMS = (b"ssh\0", b"playbooks.gateway", b"/aider\0")
SHELLS = (b"bash\0", b"fab\0")  # they have what the user exported, and a word of ours on their line


@pytest.mark.parametrize("program", OUR_PROGRAMS, ids=["ssh", "gateway", "aider"])
def test_no_program_inherits_what_it_has_no_business_with(job: Job, program: bytes) -> None:
    """Pulumi and fab have what the user's shell has; what they start has not."""
    started = {line: found for line, found in job.seen.items() if program in line}
    ours = {line: found for line, found in started.items() if not any(shell in line for shell in SHELLS)}
    assert any(b"HOME=" in found for found in ours.values()), "there was nothing to look at"
    kept = [secret for name, secret in job.exported.items() if name not in PROVIDERS or program == b"/aider\0"]
    assert [line for line, found in ours.items() if holds(found, [*kept, *job.secrets.values()])] == []


HOMES = {  # where a secret of this laptop may stand: below its state
    "passphrase": {"passphrase"},
    "first host key": {"stacks/local/first_ed25519"},
    "login key": {"stacks/local/login_ed25519"},
    "vLLM's key": {"stacks/local/box_key"},
    "gateway's witness": {"stacks/local/witness", "stacks/local/tunnel/witness"},
    "box's token": set[str](),
    "webhook": set[str](),
}


def at_home(name: str, place: str) -> bool:
    """Whether a secret may stand in that file of the state."""
    if name.startswith("key of "):
        client = name.removeprefix("key of ")
        return place.startswith(("stacks/local/tunnel/keys.json", f"stacks/local/tunnel/key-{client}")) or (
            place.startswith(f"stacks/local/clients/{client}/")
        )
    return place in HOMES[name]


def test_on_this_laptop_a_secret_stands_in_its_own_file_which_nobody_else_reads(job: Job) -> None:
    state = job.laptop.state
    places = [place for place in state.iterdir() if place.name != "cloud"]  # that is the account, and the box itself
    for name, secret in job.secrets.items():
        files = files_with([secret], *places)
        assert {
            str(file.relative_to(state)) for file in files if not at_home(name, str(file.relative_to(state)))
        } == set()
        assert not [file for file in files if file.stat().st_mode & 0o077], name


def test_no_secret_stands_in_a_repository_or_below_tmp(job: Job) -> None:
    assert (
        files_with(everything(job), job.laptop.root / "stacks", job.laptop.root / "playbooks", job.repository) == set()
    )


def test_what_was_exported_stands_nowhere_at_all(job: Job) -> None:
    assert (
        files_with(list(job.exported.values()), job.laptop.state, job.laptop.root / "stacks", job.repository) == set()
    )


# Each prints a line for a canary that it finds; {canaries} is a file in memory that holds them.
ON_THE_BOX = {
    "disk": "grep -rlaF -f {canaries} /etc /opt /root /home /tmp /var/tmp /run /var/lib /var/log",
    "journal": "journalctl --no-pager | grep -aoF -f {canaries}",
    "docker": "{{ docker inspect vllm; docker logs vllm; }} 2>&1 | grep -aoF -f {canaries}",
    "processes": "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -aoF -f {canaries}",
}
CANARIES = "/dev/shm/canaries"
BOX_HOMES = {"/etc/daybox/token", "/etc/daybox/vllm-key", "/etc/daybox/notices.json"}


@pytest.mark.parametrize("probe", ON_THE_BOX.values(), ids=ON_THE_BOX)
def test_on_the_box_a_secret_stands_in_its_own_file_and_a_prompt_nowhere(job: Job, probe: str) -> None:
    # The host key of first contact is in user-data, which cloud-init keeps; nobody trusts it any more.
    secrets_here = [secret for secret in everything(job) if secret != job.secrets["first host key"]]
    canaries = "\n".join([*secrets_here, job.prompt.rpartition(" ")[2]])
    command = f"umask 077; cat >{CANARIES}; {probe.format(canaries=CANARIES)}; rm {CANARIES}"
    found = set(job.laptop.on_box(command, stdin=canaries).split())
    assert found - BOX_HOMES == set()
    assert "grep -rl" not in probe or found == BOX_HOMES, "the search finds nothing at all"


def test_the_account_was_asked_without_any_of_them(job: Job) -> None:
    """The box's token is the account's own: it was made there."""
    asked = json.dumps(job.laptop.cloud.requests())
    assert "/linode/instances" in asked
    log = (job.laptop.cloud.folder / "log").read_text()
    assert not [secret for secret in everything(job) if secret in asked or secret in log]


def test_the_prompt_stands_on_this_laptop_only_in_the_users_own_repository(job: Job) -> None:
    canary = job.prompt.rpartition(" ")[2]
    assert files_with([canary], job.repository), "aider keeps its history there; else this proves nothing"
    assert files_with([canary], job.laptop.state, job.laptop.root / "stacks") == set()


def test_a_box_that_is_gone_leaves_none_of_them(job: Job) -> None:
    """Ledger, receipts, history and backups of Pulumi, after the end."""
    job.laptop.run("fab tunnel.close").ok()
    done = job.laptop.run("umask 000; pulumi destroy -s local --yes --non-interactive --debug").ok()
    assert not [secret for secret in everything(job) if secret in done.out + done.err]
    state = job.laptop.state
    assert files_with(everything(job), state / "pulumi", state / "pulumi-home", state / "ledger") == set()
    readable = [file for file in state.rglob("*") if file.is_file() and os.stat(file).st_mode & 0o077]
    assert not [file for file in readable if holds(file.read_bytes(), everything(job))]
