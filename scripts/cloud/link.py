"""A box's link to this machine: its addresses, the one way it has out, and the firewall that holds on it.

198.51.100.1:<api port>    the local cloud's API, for boxes only; leads to 127.0.0.1 of this machine
169.254.169.254:80         the metadata service, and at fd00:a9fe:a9fe::1 (metadata.py): each box is told of itself
198.51.100.4/30, .8/30, …  one subnet a box: the second address is this machine's, the third the box's

Nothing else leaves a box: it is neither forwarded nor let in. All of it is one nftables table a box, and goes with it.
"""

import fcntl
import ipaddress
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.errors import CloudError

NETWORK = ipaddress.IPv4Network("198.51.100.0/24")  # TEST-NET-2 (RFC 5737): no real host has such an address
SERVICE = str(NETWORK[1])
SUBNETS = range(4, 253, 4)  # last numbers of the subnets; the first is left to SERVICE
LOCK = Path("/run/lock/daybox-links.lock")  # of the whole machine: two clouds share its addresses
METADATA, METADATA_6, METADATA_PORT = "169.254.169.254", "fd00:a9fe:a9fe::1", 80  # as on a Linode
NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"
ICMP = {"ICMP": "ip protocol icmp", "IPENCAP": "ip protocol 4"}


@dataclass(frozen=True)
class Link:
    """A box's link. subnet: the last number of its first address."""

    box_id: int
    subnet: int
    api_port: int

    @property
    def name(self) -> str:
        """The host's end, as systemd-nspawn names it: 14 of at most 15 characters."""
        return f"ve-dbx{self.box_id}"

    @property
    def host(self) -> str:
        """This machine's address on the link."""
        return str(NETWORK[self.subnet + 1])

    @property
    def box(self) -> str:
        """The box's address."""
        return str(NETWORK[self.subnet + 2])

    @property
    def box_6(self) -> str:
        """The box's IPv6 address. Only the metadata service is reached from it."""
        return f"fd00:a9fe:a9fe::{self.subnet + 2:x}"


def table_name(box_id: int) -> str:
    """The box's table, without its family."""
    return f"daybox_{box_id}"


def table(link: Link) -> str:
    """The nftables text of a link whose rules are not known yet: nothing gets in, only the API is reached from it."""
    name, port = link.name, link.api_port
    return f"""\
table inet {table_name(link.box_id)} {{
  chain subnet_{link.subnet} {{ }}
  chain api {{
    type nat hook prerouting priority dstnat
    iifname "{name}" ip daddr {SERVICE} tcp dport {port} dnat ip to 127.0.0.1:{port}
  }}
  chain from_box {{
    type filter hook input priority filter
    iifname "{name}" ct state established,related accept
    iifname "{name}" ct status dnat ip daddr 127.0.0.1 tcp dport {port} accept
    iifname "{name}" ip daddr {METADATA} tcp dport {METADATA_PORT} accept
    iifname "{name}" ip6 daddr {METADATA_6} tcp dport {METADATA_PORT} accept
    iifname "{name}" {NEIGHBOURS} accept
    iifname "{name}" drop
  }}
  chain through {{
    type filter hook forward priority filter
    iifname "{name}" drop
    oifname "{name}" drop
  }}
  chain inbound {{ drop; }}
  chain to_box {{
    type filter hook output priority filter
    oifname "{name}" ct state established,related accept
    oifname "{name}" {NEIGHBOURS} accept
    oifname "{name}" jump inbound
  }}
}}
"""


def inbound(box_id: int, rules: list[dict[str, Any]], policy: str) -> str:
    """The nftables text that holds these Linode firewall rules, in place of those before, in one step."""
    chain = f"inet {table_name(box_id)} inbound"
    lines = [line for rule in rules for line in rule_lines(rule)]
    return f"flush chain {chain}\n" + "".join(f"add rule {chain} {line}\n" for line in [*lines, policy.lower()])


def rule_lines(rule: dict[str, Any]) -> Iterator[str]:
    """One Linode rule in nftables' words. IPv6 addresses say nothing here: the link has none."""
    for address in (rule.get("addresses") or {}).get("ipv4") or []:
        source = ipaddress.IPv4Network(address, strict=False)
        for what in matches(rule["protocol"].upper(), rule.get("ports")):
            yield f"ip saddr {source} {what} {rule['action'].lower()}"


def matches(protocol: str, ports: str | None) -> list[str]:
    """The packets of a protocol and, where it has such, of ports like `22, 80, 1024-1100`; none given is all."""
    if protocol in ICMP:
        return [ICMP[protocol]]
    wanted = [part.strip() for part in (ports or "1-65535").split(",")]
    return [f"{protocol.lower()} dport {part}" for part in wanted]


def take(box_id: int, api_port: int) -> Link:
    """A free subnet for the box, its table in place. Raises CloudError if there is none."""
    with _only_one():
        free = sorted(set(SUBNETS) - taken(nft("list", "chains")))
        if not free:
            raise CloudError("local cloud: no address is left for a box", hint="end boxes: scripts/cloud/stop --boxes")
        link = Link(box_id, free[0], api_port)
        load(table(link))
        return link


def keep(link: Link) -> None:
    """Have the table of a known link: after a restart of this machine it is gone."""
    if not has_table(link.box_id):
        load(table(link))


def has_table(box_id: int) -> bool:
    """Whether the box's table is in place."""
    return f"table inet {table_name(box_id)}\n" in nft("list", "tables") + "\n"


def taken(chains: str) -> set[int]:
    """The subnets of all boxes of this machine, out of nft's list of chains."""
    return {int(number) for number in re.findall(r"chain subnet_(\d+) ", chains)}


def dress(link: Link) -> None:
    """Give the host's end its address once systemd-nspawn has made it. Raises OSError if there is no such link."""
    settings = Path("/proc/sys/net")
    # Before the address: what comes from the box for 127.0.0.1 (by the chain `api`) would be dropped as a martian.
    (settings / f"ipv4/conf/{link.name}/route_localnet").write_text("1")
    lines = [
        f"address replace {link.host}/30 dev {link.name}",
        f"address replace {METADATA}/32 dev {link.name}",
        f"link set {link.name} up",
    ]
    version_6 = settings / f"ipv6/conf/{link.name}"
    if version_6.exists():
        # It answers for the one address below, and takes up no other.
        (version_6 / "accept_ra").write_text("0")
        (version_6 / "addr_gen_mode").write_text("1")
        lines.append(f"address replace {METADATA_6}/128 dev {link.name} nodad")
        lines.append(f"route replace {link.box_6}/128 dev {link.name}")
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, capture_output=True)


def remove(box_id: int) -> None:
    """Take link and table away, if they are there."""
    subprocess.run(["ip", "link", "delete", f"ve-dbx{box_id}"], capture_output=True, check=False)
    subprocess.run(["nft", "delete", "table", "inet", table_name(box_id)], capture_output=True, check=False)


def load(text: str) -> None:
    """Have the kernel take the text, wholly or not at all."""
    nft("-f", "-", text=text)


def nft(*words: str, text: str = "") -> str:
    """Run nft. Raises CloudError with its last line if it refuses."""
    done = subprocess.run(["nft", *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no word").splitlines()[0]
        raise CloudError(f"local cloud: nft refused: {last}", hint="boxes need root and a kernel with nftables")
    return done.stdout


@contextmanager
def _only_one() -> Iterator[None]:
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
