"""What stands in a repository's .aiderignore: all that git ignores, and what holds secrets though git does not.

aider shows the model no file that .aiderignore matches: not in its map, and not with /add. Its patterns are git's.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

IGNORE_FILE = ".aiderignore"
HEADER = "# What aider shows the model nothing of. Made by `fab init-repo`; yours to change: it is never written again."
SECRETS_HEADER = "# Secrets. They stand last, so that no `!` above brings one back."


@dataclass(frozen=True)
class Secret:
    """Files that hold secrets. pattern: git's; reason: what is in them."""

    pattern: str
    reason: str


# `id_*` would hide id_generator.py, so the kinds of keys are named.
SECRETS = (
    Secret(".env*", "a program's variables, its keys among them"),
    Secret("*.pem", "private keys, beside certificates"),
    Secret("*.key", "private keys"),
    Secret("*.p12", "keys with their certificates"),
    Secret("*.pfx", "keys with their certificates"),
    Secret("*.jks", "Java's keys"),
    Secret("*.keystore", "Java's and Android's keys"),
    Secret("*.kdbx", "KeePass's passwords"),
    Secret("id_rsa*", "an ssh key"),
    Secret("id_dsa*", "an ssh key"),
    Secret("id_ecdsa*", "an ssh key"),
    Secret("id_ed25519*", "an ssh key"),
    Secret(".ssh/", "ssh keys"),
    Secret(".npmrc", "npm's token"),
    Secret(".yarnrc.yml", "yarn's token"),
    Secret(".pypirc", "PyPI's token"),
    Secret(".netrc", "passwords by host"),
    Secret(".git-credentials", "git's passwords"),
    Secret(".htpasswd", "passwords, hashed"),
    Secret(".aws/", "AWS's keys"),
    Secret(".azure/", "Azure's tokens"),
    Secret(".kube/", "a cluster's keys"),
    Secret("kubeconfig*", "a cluster's keys"),
    Secret(".docker/config.json", "a registry's password"),
    Secret("*service-account*.json", "Google's keys"),
    Secret("client_secret*.json", "Google's keys"),
    Secret("credentials.json", "a cloud's keys"),
    Secret("secrets.*", "what it says"),
    Secret(".vault-token", "Vault's token"),
    Secret(".vault_pass*", "Ansible's password"),
    Secret("*.tfstate*", "Terraform's state: what it made, passwords in clear text"),
    Secret("*.tfvars", "Terraform's values, passwords among them"),
    Secret(".terraformrc", "Terraform's token"),
    Secret(".terraform/", "Terraform's copies, of its state too"),
    Secret(".pulumi/", "Pulumi's state"),
    Secret("Pulumi.*.yaml", "a Pulumi stack's settings, and what its secrets are encrypted with"),
    Secret("*.ovpn", "a VPN's keys"),
)


def ignore_text(gitignores: Sequence[tuple[str, str]]) -> str:
    """The whole file. gitignores: folder below the root (empty: the root) and text of each, outer ones first.

    A file further in stands later, so that it wins, as it does for git.
    """
    parts = [HEADER]
    for folder, text in gitignores:
        name = unbroken(f"{folder}/.gitignore" if folder else ".gitignore")
        if lines := patterns(folder, text):
            parts += [f"\n# From {name}", *lines]
    parts += [f"\n{SECRETS_HEADER}"]
    for reason, rows in by_reason(SECRETS):
        parts += [f"# {reason}", *rows]
    return "\n".join(parts) + "\n"


def by_reason(secrets: Iterable[Secret]) -> list[tuple[str, list[str]]]:
    """The patterns under each reason, in the order of the rows."""
    found: dict[str, list[str]] = {}
    for secret in secrets:
        found.setdefault(secret.reason, []).append(secret.pattern)
    return list(found.items())


def patterns(folder: str, text: str) -> list[str]:
    """The patterns of a .gitignore in `folder`, as they must read in the repository's root."""
    lines = re.split(r"\r?\n", text.removeprefix("\ufeff") + "\n")  # as git does
    return [rooted(folder, unbroken(line)) for line in lines if line.strip() and not line.startswith("#")]


def unbroken(line: str) -> str:
    """A line without what ends one for aider though not for git: any letter is meant there."""
    return re.sub("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", "?", line)  # those of Python's splitlines


def rooted(folder: str, line: str) -> str:
    """One pattern of a .gitignore in `folder`, as it must read in the root.

    With a slash before its end it is meant from its folder on, without one in any folder below.
    """
    if not folder:
        return line
    negation, body = ("!", line[1:]) if line.startswith("!") else ("", line)
    between = "/" if "/" in body.rstrip().rstrip("/") else "/**/"
    return f"{negation}/{literal(folder)}{between}{body.removeprefix('/')}"


def literal(folder: str) -> str:
    """A folder's name as a pattern that matches it alone; a line break in it, which no pattern has, is any letter."""
    return unbroken(re.sub(r"([\\*?\[\]!#])", r"\\\1", folder))


def missing(text: str) -> list[Secret]:
    """The secrets whose pattern does not stand in an .aiderignore."""
    there = {line.strip() for line in text.splitlines()}
    return [secret for secret in SECRETS if secret.pattern not in there]
