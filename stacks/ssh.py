"""How we speak to a box: OpenSSH, with a configuration of our own and a pinned host key.

One program for arming, bootstrap, tunnel, testinfra and `fab ssh`, so that there is one pin to trust. Fabric's own
connections accept any host key unless told otherwise, and a second implementation would need a second pin.
"""

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from stacks.errors import BoxError
from stacks.places import stack_dir, write_private
from stacks.printable import clean

CONFIG_FILE = "ssh_config"
CONNECT_SECONDS = 10  # a box that is up answers within one; a closed port is silent
REACH_HINT = "see `fab status`; if your address has changed: fab allow"
PIN_HINT = "somebody else answers at this address: do not go on; `pulumi destroy` and rent anew"


# ssh sees neither an agent nor a token; TERM is for a shell on the box.
PASSED_VARIABLES = ("HOME", "PATH", "LANG", "TERM", "TMPDIR")


@dataclass(frozen=True)
class Target:
    """A box as ssh reaches it.

    alias: stands for the box in known_hosts, `daybox-<instance id>`, so that a recycled address never matches.
    """

    stack: str
    address: str
    alias: str
    login_key: Path
    host_keys: tuple[str, ...]  # each "ssh-ed25519 AAAA…"; during arming there are two
    port: int = 22

    def config_text(self) -> str:
        """The ssh_config of this one box; nothing of the user's own configuration or agent takes part.

        Its paths are whole ones: whoever includes it may stand anywhere.
        """
        return "\n".join(
            [
                f"Host {self.alias} {entry(self.stack)}",
                f"  HostName {self.address}",
                f"  Port {self.port}",
                "  User root",
                f"  HostKeyAlias {self.alias}",
                f'  UserKnownHostsFile "{self.known_hosts.resolve()}"',
                "  GlobalKnownHostsFile /dev/null",
                "  StrictHostKeyChecking yes",
                "  UpdateHostKeys no",
                "  HostKeyAlgorithms ssh-ed25519",
                f'  IdentityFile "{self.login_key.absolute()}"',
                "  IdentitiesOnly yes",
                "  IdentityAgent none",
                "  PreferredAuthentications publickey",
                "  PasswordAuthentication no",
                "  BatchMode yes",
                "  ForwardAgent no",
                "  ForwardX11 no",
                f"  ConnectTimeout {CONNECT_SECONDS}",
                "  ServerAliveInterval 5",
                "  ServerAliveCountMax 3",
                "  LogLevel ERROR",
                # What a person's own `Host *` may say to all: `fab ssh.config` has their file include this one.
                "  ProxyCommand none",
                "  ControlMaster no",
                "  ControlPath none",
                "  AddKeysToAgent no",
                "  PermitLocalCommand no",
                "  RemoteCommand none",
                "",
            ]
        )

    @property
    def known_hosts(self) -> Path:
        """The file with this stack's pinned host keys and no others."""
        return stack_dir(self.stack) / "known_hosts"

    @property
    def config_file(self) -> Path:
        """The file that `ssh -F` reads."""
        return stack_dir(self.stack) / CONFIG_FILE


def entry(stack: str) -> str:
    """The name of a stack's box for people and their programs: it stays the same from lease to lease."""
    return f"daybox-{stack}"


def prepare(target: Target) -> Target:
    """Write the target's ssh_config and known_hosts; returns it for chaining."""
    write_private(target.known_hosts, "".join(f"{target.alias} {key}\n" for key in target.host_keys))
    write_private(target.config_file, target.config_text())
    return target


def ssh(target: Target) -> list[str]:
    """Arguments of an ssh that gives a shell on the box."""
    return ["ssh", "-F", str(target.config_file), target.alias]


def environment() -> dict[str, str]:
    """What ssh gets of our own environment."""
    return {name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ}


def remote(target: Target, command: str) -> list[str]:
    """Arguments that run the shell text `command` on the box."""
    return [*ssh(target), "--", command]


def run(
    target: Target, command: str, *, stdin: str | bytes | None = None, timeout: float = 30
) -> subprocess.CompletedProcess[str]:
    """Run the shell text `command` on the box; its exit status is the caller's to judge.

    stdin: text or bytes for the command; secrets travel here, never in `command`. timeout: seconds.
    Raises BoxError if the box was not reached or is not the pinned one.
    """
    data = stdin.encode() if isinstance(stdin, str) else (stdin or b"")
    try:
        done = subprocess.run(
            remote(target, command), env=environment(), input=data, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise BoxError(
            f"box/{target.alias}: no answer within {timeout:.0f} s to: {shlex.split(command)[0]}", hint=REACH_HINT
        ) from None
    said, complained = (text.decode(errors="replace") for text in (done.stdout, done.stderr))  # a log may hold anything
    result = subprocess.CompletedProcess(done.args, done.returncode, said, complained)
    if result.returncode == 255:  # ssh's own failures; what we run on the box never ends with 255
        raise transport_error(target, result.stderr)
    return result


def transport_error(target: Target, stderr: str) -> BoxError:
    """What ssh's own last words mean, as an error with its way out."""
    last = clean((stderr.strip().splitlines() or ["ssh said nothing"])[-1])  # whoever answered may have written it
    if "Host key verification failed" in stderr or "host key" in stderr.lower():
        return BoxError(f"box/{target.alias}: its host key is not the pinned one", hint=PIN_HINT)
    if "Permission denied" in stderr:
        return BoxError(
            f"box/{target.alias}: it refuses the login key {target.login_key}",
            hint="the box was made with another key: set daybox:sshPublicKey to that one",
        )
    return BoxError(f"box/{target.alias}: not reached at {target.address} port {target.port}: {last}", hint=REACH_HINT)
