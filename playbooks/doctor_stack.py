"""What a doctor asks of one stack from this laptop: its config, its account, its keys, its tunnel, the clocks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from playbooks.box_standing import Listing, listing
from playbooks.boxes import box_of, find_settings, meant_stack
from playbooks.doctor_check import Finding, Question, faulty, no_matter, ok, unknown, wrong
from playbooks.endpoint import Endpoint, GatewayStatus
from playbooks.gateway_process import orders_for
from playbooks.keys import KEYS_FILE, client_key, read_keys
from playbooks.port import check_port
from playbooks.tunnel_files import Orders, box_key_file, living_pid, read_orders, tunnel_dir
from playbooks.tunnel_status import last_word
from playbooks.witness import witness_in
from stacks.box import Box, box_target
from stacks.errors import BoxError, CloudError, ConfigError, DayboxError, ModelError

if TYPE_CHECKING:
    from stacks.settings import Settings

T = TypeVar("T")
CLOCK_SECONDS = 60.0  # as `fab extend` has it: with more, a moment on this laptop is another one on the box
OPEN_IT, NO_BOX = "fab tunnel", "the stack has no box"


@dataclass(frozen=True)
class Stack:
    """What this laptop knows of the stack meant; each part is asked once, when first needed.

    named: as the user named it; None: PULUMI_STACK, or the selected one.
    """

    named: str | None

    @cached_property
    def name(self) -> str:
        """The stack. Raises DayboxError."""
        return meant_stack(self.named)

    @cached_property
    def settings(self) -> "Settings":
        """Its settings. Raises DayboxError."""
        return find_settings(self.name)

    @cached_property
    def box(self) -> Box | None:
        """Its box; None if it is not up. Raises DayboxError."""
        return box_of(self.name)

    @cached_property
    def account(self) -> Listing:
        """What its account lists. Raises DayboxError."""
        from stacks.account import deploy_token

        return listing((self.settings.api_url, deploy_token(self.settings.cloud.token)))


def has_none(about: Stack) -> bool:
    """Whether the stack is known to have no box."""
    try:
        return about.box is None
    except DayboxError:
        return False


def told(ask: Callable[[], T]) -> T | None:
    """What `ask` gives; None if that is not to be had: another check says why."""
    try:
        return ask()
    except DayboxError:
        return None


def stack(about: Stack) -> Finding:
    """Which stack is meant, and whether Pulumi has it."""
    try:
        return ok(f"{about.name} is made")
    except DayboxError as error:
        return faulty(error)


def settings(about: Stack) -> Finding:
    """Its settings are right, and fit."""
    if told(lambda: about.name) is None:
        return unknown("no stack is known")
    try:
        found = about.settings
    except DayboxError as error:
        return faulty(error)
    return ok(f"{found.model.name} with {found.context} tokens on {found.plan.name}")


def account(about: Stack) -> Finding:
    """The account answers, and lists the box."""
    found = about.account
    if found.account is None:
        return unknown(found.why, "is the network up?")
    box = told(lambda: about.box)
    if box is None:
        return ok(f"{found.account.api_url} answers; {NO_BOX}")
    from playbooks.presence import presence

    state = presence(found.account, found.listed, box.instance_id)
    if state == "gone":
        cure = f"pulumi up -s {box.stack} rents anew"
        return wrong(f"the account has no box {box.instance_id} any more", cure, BoxError)
    if state == "unknown":
        fact = f"the account does not list box {box.instance_id}, and no event says it was deleted"
        return wrong(fact, "is LINODE_TOKEN that of the right account?")
    return ok(f"{found.account.api_url} lists box {box.instance_id}")


def clock(about: Stack) -> Finding:
    """This laptop's clock against the account's, which bills."""
    found = about.account
    if found.now is None:
        return unknown(f"the account did not tell its time{': ' if found.why else ''}{found.why}")
    # NOTE: read after the answer came, so that a slow network counts against us by seconds, not more.
    ahead = (datetime.now(UTC) - found.now).total_seconds()
    return judged_clock(ahead, "this laptop's clock", "the account's")


def judged_clock(ahead: float, whose: str, other: str) -> Finding:
    """Whether two clocks agree. ahead: seconds."""
    side = "ahead of" if ahead > 0 else "behind"
    if abs(ahead) > CLOCK_SECONDS:
        return wrong(f"{whose} is {abs(ahead):.0f} s {side} {other}", "set it by NTP: `timedatectl set-ntp true`")
    return ok(f"{whose} agrees with {other}, to {max(1, round(abs(ahead)))} s")


def box(about: Stack) -> Finding:
    """Whether there is a box to ask."""
    try:
        found = about.box
    except DayboxError as error:
        return unknown(error.fact, error.hint)
    if found is None:
        return no_matter(NO_BOX, f"rent one: pulumi up -s {about.name}")
    return ok(f"box {found.instance_id} at {found.address}, until {found.dies_at}")


def login_key(about: Stack) -> Finding:
    """The private half of the key that the box lets in."""
    from stacks.keys import check_login_key

    here = told(lambda: about.box)
    private = Path(here.login_key) if here else about.settings.login_key
    try:
        check_login_key(private.with_suffix(".pub"))
    except ConfigError as error:
        return faulty(error)
    return ok(f"{private}")


def gateway(about: Stack) -> Finding:
    """The stack's port: held by our own gateway, or free."""
    here = told(lambda: about.box)
    port = here.port if here else about.settings.port
    pid, orders = living_pid(tunnel_dir(about.name)), read_orders(about.name)
    if pid is None:
        try:
            check_port(about.name, port)
        except DayboxError as error:
            return faulty(error)
        return not_open(about, f"no gateway runs; port {port} is free")
    found = proved_status(orders) if orders else None
    if isinstance(found, BoxError):
        return wrong(found.fact, found.hint)
    if orders is None or found is None:
        return wrong(f"the gateway, process {pid}, does not answer", f"fab tunnel.close, then {OPEN_IT}")
    if found.stack != about.name or orders.port != port:
        return wrong(f"port {orders.port} is held for stack {found.stack}", f"fab tunnel.close, then {OPEN_IT}")
    return ok(f"ours, process {pid}, holds 127.0.0.1:{port}")


def proved_status(orders: Orders) -> GatewayStatus | BoxError | None:
    """What the gateway with these orders says, once it has proved that it is that one.

    None if nobody answers; the error if who answers cannot prove it: what that one says is worth nothing.
    """
    endpoint = Endpoint(orders.port, witness=witness_in(orders))
    try:
        endpoint.proved().close()
    except BoxError as error:
        return error
    except OSError:
        return None
    return endpoint.status()


def tunnel(about: Stack) -> Finding:
    """The tunnel: up, and to this very box."""
    folder = tunnel_dir(about.name)
    orders = read_orders(about.name)
    if living_pid(folder) is None or orders is None:
        word = "" if has_none(about) else last_word(folder)
        return wrong(f"it ended: {word}", OPEN_IT) if word else not_open(about, "it is not open")
    found = proved_status(orders)
    if found is None or isinstance(found, BoxError):
        return unknown("its gateway does not answer, or cannot prove that it is ours; `stack/gateway` says which")
    here = about.box
    if here and (orders.instance_id, orders.lease) != (here.instance_id, here.lease):
        return wrong(f"it leads to box {orders.instance_id}, the stack's is {here.instance_id}", OPEN_IT)
    if here and orders != orders_for(here, box_target(here)):
        return wrong("it was opened with another port or host key than the box has", OPEN_IT)
    if not found.up:
        word = found.word or "ssh is not up"
        cure = f"fab tunnel.close, then {OPEN_IT}" if found.ended else "it tries again by itself"
        return wrong(f"down: {word}", cure)
    return ok(f"up since {found.since}, to box {orders.instance_id}")


def not_open(about: Stack, fact: str) -> Finding:
    """What is not there because no tunnel is open; without a box none can be opened."""
    return no_matter(fact, "" if has_none(about) else OPEN_IT)


def client_keys(about: Stack) -> Finding:
    """What programs show to the gateway, tried on `/v1/models`; so is the box's own key behind it."""
    folder = tunnel_dir(about.name)
    try:
        keys = read_keys(folder / KEYS_FILE)
    except (OSError, ValueError, TypeError):
        cure = f"remove it: new keys are made; then {OPEN_IT}"
        return wrong(f"{folder / KEYS_FILE}: is no list of keys", cure)
    orders = read_orders(about.name)
    status = proved_status(orders) if orders and living_pid(folder) else None
    if orders is None or status is None or isinstance(status, BoxError) or not status.up:
        return not_open(about, f"{len(keys)} client keys; the tunnel is not up to try one")
    try:
        served = Endpoint(orders.port, client_key(about.name, "daybox"), witness_in(orders)).served()
    except DayboxError as error:  # a BoxError, too, is the model's fault here: the tunnel is up
        return wrong(error.fact, error.hint, ModelError)
    return ok(f"{len(keys)} client keys; /v1/models through the tunnel: {', '.join(one.name for one in served)}")


def box_key(about: Stack) -> Finding:
    """The box's own vLLM key, as the gateway has it; whether it is the box's, `box/key` says."""
    file = box_key_file(about.name)
    if not file.is_file():
        running = living_pid(tunnel_dir(about.name)) is not None
        return wrong(f"{file}: is missing", OPEN_IT) if running else not_open(about, "comes when a tunnel opens")
    return ok(f"{file}") if file.read_text().strip() else wrong(f"{file}: is empty", OPEN_IT)


def host_key(about: Stack) -> Finding:
    """The pin of the box's host key, as Pulumi's state and this stack's known_hosts have it."""
    here = about.box
    if here is None:
        return no_matter(NO_BOX)
    if not here.host_key.startswith("ssh-ed25519 "):
        return wrong("the stack's outputs hold no host key: it was never armed", f"pulumi up -s {here.stack}")
    return ok(f"pinned for {here.alias}; `box/ssh` says whether the box shows it")


QUESTIONS = (
    Question("stack/made", ConfigError, stack),
    Question("stack/settings", ConfigError, settings),
    Question("stack/account", CloudError, account),
    Question("stack/clock", ConfigError, clock),
    Question("stack/box", BoxError, box),
    Question("stack/login-key", ConfigError, login_key),
    Question("stack/host-key", BoxError, host_key),
    Question("stack/gateway", ConfigError, gateway),
    Question("stack/tunnel", BoxError, tunnel),
    Question("stack/client-keys", ModelError, client_keys),
    Question("stack/box-key", ConfigError, box_key),
)
