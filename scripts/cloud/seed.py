"""What a box finds on its disk at its first boot: the cloud-init seed, root's keys, its address."""

from pathlib import Path

from scripts.cloud.link import METADATA, METADATA_6, SERVICE, Link

SEED = "var/lib/cloud/seed/nocloud"
KEYS = "root/.ssh/authorized_keys"
NETWORK = "etc/systemd/network/10-host0.network"  # sorts before Debian's own 80-container-host0, which asks for DHCP


def plant(root: Path, *, link: Link, label: str, user_data: bytes, authorized_keys: list[str]) -> None:
    """Write it all below `root`. user_data: as cloud-init reads it, plain or gzip."""
    write(root / SEED / "user-data", user_data)
    write(root / SEED / "meta-data", meta_data(link.box_id, label).encode())
    write(root / NETWORK, network(link).encode())
    # As Linode does it: on the disk before the first boot, not through cloud-init.
    write(root / KEYS, "".join(f"{key.strip()}\n" for key in authorized_keys).encode(), mode=0o600)
    (root / KEYS).parent.chmod(0o700)


def meta_data(box_id: int, label: str) -> str:
    """cloud-init's facts; another instance-id would be another first boot."""
    return f"instance-id: daybox-{box_id}\nlocal-hostname: {label}\n"


def network(link: Link) -> str:
    """The box's end of the link, for systemd-networkd; no way out but to API and metadata, so all else fails."""
    return (
        "[Match]\nName=host0\n\n"
        f"[Network]\nAddress={link.box}/30\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n\n"
        f"[Address]\nAddress={link.box_6}/128\nDuplicateAddressDetection=none\n\n"
        f"[Route]\nDestination={SERVICE}/32\nGateway={link.host}\n\n"
        f"[Route]\nDestination={METADATA}/32\nGateway={link.host}\n\n"
        f"[Route]\nDestination={METADATA_6}/128\n"
    )


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` there; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
