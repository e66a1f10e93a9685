"""The settings of the stacks that come with the repository, as Pulumi would hand them over."""

import subprocess
from pathlib import Path

import yaml

from stacks.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
# Those that git tracks: `fab new` puts files of its user's beside them.
LISTING = ["git", "ls-files", "stacks/Pulumi.*.yaml"]
TRACKED = subprocess.run(LISTING, cwd=ROOT, capture_output=True, text=True, check=True)
STACKS = sorted(Path(line).name.split(".")[1] for line in TRACKED.stdout.splitlines())


def raw_of(stack: str) -> dict[str, str]:
    """The defaults and what one shipped stack's file sets, key without prefix -> text."""
    defaults = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    raw = {name.removeprefix("daybox:"): entry["default"] for name, entry in defaults.items() if "default" in entry}
    own = yaml.safe_load((ROOT / f"stacks/Pulumi.{stack}.yaml").read_text())["config"]
    return raw | {name.removeprefix("daybox:"): text for name, text in own.items()}


def settings_of(stack: str, folder: Path, **changes: str) -> Settings:
    """One shipped stack's settings; what depends on who works and where lies in `folder`."""
    raw = raw_of(stack)
    public = folder / "login_ed25519.pub"
    public.write_text("ssh-ed25519 AAAA comment\n")
    raw |= {"sshFrom": "203.0.113.7/32", "sshPublicKey": str(public), "url": "http://127.0.0.1:4747"}
    return Settings.from_config(stack, raw | changes)
