"""Arming: bring the watchdog to the box, let the box prove it, and pin the key that the box made itself.

It sits beside the Watchdog resource, not in playbooks, because `pulumi up` is not green before it is done.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from stacks import courier
from stacks.bundle import GROUP, File, watchdog_files
from stacks.errors import BoxError, NotReadyError
from stacks.ssh import Target, prepare, run
from templates.box.watchdog_rules import Limits

T = TypeVar("T")

ARM_SECONDS = float(
    os.environ.get("DAYBOX_ARM_SECONDS", "600")
)  # a Linode takes 90 s to boot; a closed port never opens
RETRY_SECONDS = 1
# They lie here until they are proved: a token that does not work must not take the place of one that does.
LIMITS_FILE, TOKEN_FILE = "/etc/daybox/new/watchdog.json", "/etc/daybox/new/token"
NOTICES_FILE = "/etc/daybox/new/notices.json"
ACTIVATE = "cd /etc/daybox && if [ -d new ]; then mv -f new/* . && rmdir new; fi"
# Where the kernel is not the box's own, as on the local cloud, it takes no settings: nothing depends on it.
START = (
    "systemctl daemon-reload && systemctl enable --now --quiet daybox-watchdog.timer "
    "&& { sysctl --quiet --load=/etc/sysctl.d/60-daybox.conf 2>/dev/null || true; }"
)
# Over ssh as in its unit: what asks the API has the group that the seal lets out.
AS_ITS_UNIT = f"setpriv --regid={GROUP} --keep-groups"
PROVE = f"{AS_ITS_UNIT} /opt/daybox/bin/watchdog --prove"
LOOK = f"{AS_ITS_UNIT} /opt/daybox/bin/stage watchdog"
OWN_KEY = "/opt/daybox/bin/own-host-key"


@dataclass(frozen=True)
class Arms:
    """Everything arming brings to one box. notices: `webhook` or `ntfy` -> where it says that it ends."""

    limits: Limits
    token: str = field(repr=False)
    notices: dict[str, str] = field(default_factory=dict, repr=False)

    def files(self) -> list[File]:
        """The watchdog's program and units, its limits, and its token, 0600; an empty one takes an old one away."""
        token = self.token if self.limits.self_destruct else ""
        return [
            *watchdog_files(),
            File(LIMITS_FILE, 0o600, json.dumps(asdict(self.limits), indent=2) + "\n"),
            File(TOKEN_FILE, 0o600, token + "\n"),
            File(NOTICES_FILE, 0o600, json.dumps(self.notices) + "\n"),
        ]


def program_sha256() -> str:
    """Identifies the watchdog's own files, so that a changed one is brought to a running box."""
    return hashlib.sha256(courier.pack(watchdog_files())).hexdigest()


def arm(target: Target, arms: Arms, *, remember: Callable[[str], None]) -> str:
    """Arm the box; returns the host key it made itself, `ssh-ed25519 AAAA…`, which is pinned from now on.

    target.host_keys: every key the box may answer with now. remember: called with the new key before the box uses it,
    so that a crash in between loses nothing. Raises NotReadyError if the box could not be armed in time.
    """
    deadline = time.monotonic() + ARM_SECONDS
    until(deadline, lambda: courier.push(prepare(target), arms.files()))
    if arms.limits.self_destruct:
        until(deadline, lambda: prove(target, arms.limits.instance_id))
    until(deadline, lambda: checked(target, f"{ACTIVATE} && {START}"))
    until(deadline, lambda: checked(target, LOOK))
    own = until(deadline, lambda: checked(target, f"{OWN_KEY} prepare")).strip()
    remember(own)
    both = Target(**target.__dict__ | {"host_keys": tuple(dict.fromkeys((*target.host_keys, own)))})
    until(deadline, lambda: checked(both, f"{OWN_KEY} switch"))
    pinned = Target(**target.__dict__ | {"host_keys": (own,)})
    until(deadline, lambda: checked(pinned, "true"))
    return own


def prove(target: Target, instance_id: int) -> None:
    """Only the box itself can say that its token works: it reads its own Instance from the API with it."""
    said = checked(target, PROVE)
    if f'"id": {instance_id},' not in said:
        raise BoxError(f"box/{target.alias}: its watchdog sees another Instance: {said}", hint="destroy it, rent anew")


def checked(target: Target, command: str) -> str:
    """What `command` prints on the box. Raises BoxError with its last line if it fails.

    ssh's files are written each time: a `fab` in another terminal that still means the last box writes the same ones.
    """
    done = run(prepare(target), command)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise BoxError(f"box/{target.alias}: {program(command)} failed: {said}", hint="see `fab logs --of watchdog`")
    return done.stdout


def program(command: str) -> str:
    """The program of ours that a command runs, else its first word."""
    words = command.split()
    return next((word for word in words if word.startswith("/opt/daybox/")), words[0])


def until(deadline: float, action: Callable[[], T]) -> T:
    """`action()`, again and again until it succeeds: a box that boots refuses for a while.

    Raises NotReadyError with the last reason when `deadline` (monotonic seconds) has passed.
    """
    while True:
        try:
            return action()
        except BoxError as error:
            if time.monotonic() > deadline:
                raise NotReadyError(f"{error.fact}, for {ARM_SECONDS:.0f} s", hint=error.hint) from None
            time.sleep(RETRY_SECONDS)
