"""The boxes' root file system: Debian 13, made once by mmdebstrap; each box is an overlay over it."""

from pathlib import Path

from scripts.cloud.parts import recipe_hash
from scripts.cloud.programs import run

SUITE = "trixie"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "procps", "iproute2", "netbase", "sudo", "curl", "ca-certificates"),
    *("cloud-init", "openssh-server", "python3"),
    *("docker.io", "docker-cli", "docker-compose", "iptables", "nftables"),
    "libnuma1",  # vLLM on the CPU loads it; the container image is cut out of this file system
    "kmod",  # for what asks whether a module is loaded
    "e2fsprogs",  # a new volume is blank
)
OPTIONS = (
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=force-unsafe-io",  # a half-written one is thrown away, not repaired
)
# It mounts /proc, /sys and /dev in its target: broken off, these must go with it, and not be deleted in.
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
ENABLED = ("systemd-networkd", "ssh", "docker")
MASKED = (
    "systemd-networkd-wait-online.service",  # it would wait for a way out, and there is none
    "systemd-modules-load.service",  # a container may not load modules: it fails, and the box counts as degraded
    "apt-daily.timer",  # they would look for updates that cannot be reached
    "apt-daily-upgrade.timer",
)
FILES = {
    # Root may log in with its key, as on Linode's images; the address is given from outside, so cloud-init sets none.
    "etc/cloud/cloud.cfg.d/90-daybox.cfg": (
        "datasource_list: [NoCloud]\nnetwork: {config: disabled}\n"
        "disable_root: false\nusers: []\nmanage_etc_hosts: localhost\n"
    ),
    "etc/machine-id": "",  # every box finds its own at its first boot
    # Nobody there to ask, and the answer to that comes at once: a name server out of reach costs 10 s a question.
    "etc/resolv.conf": "nameserver 127.0.0.1\n",
    # Newer than /usr, so that no box builds again what was just built; see systemd-update-done.service(8).
    "etc/.updated": "",
    "var/.updated": "",
}
HANDED_IN = ("image", "models", "site", "vllm-cache")  # below /var/cache/daybox: what the cloud mounts there


def recipe() -> str:
    """Names this root file system among others."""
    return recipe_hash(SUITE, *PACKAGES, *OPTIONS, *ENABLED, *MASKED, *FILES, *FILES.values(), *HANDED_IN)


def mmdebstrap(target: Path) -> list[str]:
    """The command that makes it; no mirror is named, so mmdebstrap's own default serves."""
    include = f"--include={','.join(PACKAGES)}"
    return ["mmdebstrap", "--variant=minbase", "--components=main", *OPTIONS, include, SUITE, str(target)]


def build(target: Path) -> None:
    """Make it in the folder `target`."""
    run(*ALONE, *mmdebstrap(target), part="rootfs")
    run("chroot", target, "systemctl", "enable", *ENABLED, part="rootfs")
    run("chroot", target, "systemctl", "mask", *MASKED, part="rootfs")
    for key in target.glob("etc/ssh/ssh_host_*"):
        key.unlink()  # a key that every box has is no key
    (target / "etc/hostname").unlink(missing_ok=True)
    for name, text in FILES.items():
        (target / name).write_text(text)
    for name in HANDED_IN:
        (target / "var/cache/daybox" / name).mkdir(parents=True)
    (target / "var/lib/cloud/seed/nocloud").mkdir(parents=True)
