"""What stands in .aiderignore hides what git ignores, and every secret, whatever stands before it."""

import subprocess
from pathlib import Path

import pytest

from playbooks.init_repo_ignore import HEADER, SECRETS, ignore_text, literal, missing, patterns, rooted

SECRET_FILES = (
    *(".env", ".env.local", "web/.env.production", "certs/server.pem", "deploy.key", "id_rsa", "id_ed25519.pub"),
    *(".npmrc", "web/.npmrc", ".pypirc", ".netrc", "infra/terraform.tfstate", "terraform.tfstate.backup"),
    *(
        "prod.tfvars",
        ".pulumi/stacks/dev.json",
        "Pulumi.dev.yaml",
        ".aws/credentials",
        ".kube/config",
        "kubeconfig.yml",
    ),
    *("secrets.yaml", ".vault_pass.txt", ".docker/config.json", "client_secret_1.json"),
    "my-service-account-2.json",
)
OPEN_FILES = ("id_generator.py", "environment.py", "keys.py", "Pulumi.yaml", "config.json", "monkey.py", "README.md")


@pytest.mark.parametrize(
    ("folder", "line", "meant"),
    [
        ("", "build/", "build/"),
        ("", "!keep", "!keep"),
        ("web", "cache", "/web/**/cache"),
        ("web", "cache/", "/web/**/cache/"),
        ("web", "/dist", "/web/dist"),
        ("web", "lib/x", "/web/lib/x"),
        ("web", "!lib/x", "!/web/lib/x"),
        ("web", "!*.js", "!/web/**/*.js"),
        ("a/b", "**/tmp", "/a/b/**/tmp"),
        ("we[b]*", "/x", r"/we\[b\]\*/x"),
    ],
)
def test_a_pattern_of_a_folder_means_the_same_from_the_root(folder: str, line: str, meant: str) -> None:
    assert rooted(folder, line) == meant


def test_comments_and_empty_lines_are_left_out() -> None:
    assert patterns("", "\ufeff# c\n\n  \nbuild/\r\n\\#odd\n") == ["build/", "\\#odd"]


def test_lines_are_those_that_git_sees() -> None:
    """aider splits them as Python does, so what only Python takes for a break is any letter."""
    assert patterns("", "a\u2028!*\nIcon\r\r\n\x0c!b\nlast\r") == ["a?!*", "Icon?", "?!b", "last"]
    assert patterns("a\n!*", "x") == ["/a?\\!\\*/**/x"]


def test_each_secret_has_its_own_pattern_and_a_reason() -> None:
    assert len({secret.pattern for secret in SECRETS}) == len(SECRETS)
    assert all(secret.reason for secret in SECRETS)
    assert not [secret for secret in SECRETS if secret.pattern.startswith(("!", "#")) or " " in secret.pattern]


def test_the_file_names_where_each_line_is_from_and_secrets_stand_last() -> None:
    text = ignore_text([("", "build/\n"), ("web", "!dist\n"), ("empty", "# nothing\n")])
    assert text.startswith(
        f"{HEADER}\n\n# From .gitignore\nbuild/\n\n# From web/.gitignore\n!/web/**/dist\n\n# Secrets."
    )
    last = [line for line in text.splitlines() if line and not line.startswith("#")][-len(SECRETS) :]
    assert sorted(last) == sorted(secret.pattern for secret in SECRETS)


def test_a_secret_that_stands_there_is_not_missing() -> None:
    assert missing("# mine\n  .env*  \n*.pem\n") == [one for one in SECRETS if one.pattern not in (".env*", "*.pem")]
    assert missing(ignore_text([])) == []


@pytest.fixture
def ignored(tmp_path: Path) -> set[str]:
    """Of every file above, those that git finds ignored by our text, before which a .gitignore wants all shown."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(ignore_text([("", "!*\n!.env\n")]))
    words = ["git", "check-ignore", "--no-index", *SECRET_FILES, *OPEN_FILES]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    return set(said.stdout.splitlines())


@pytest.mark.parametrize("name", SECRET_FILES)
def test_a_secret_is_hidden_whatever_a_gitignore_says(name: str, ignored: set[str]) -> None:
    assert name in ignored


@pytest.mark.parametrize("name", OPEN_FILES)
def test_a_file_that_only_looks_like_one_is_shown(name: str, ignored: set[str]) -> None:
    assert name not in ignored


def test_a_folder_is_matched_by_its_own_name_only() -> None:
    assert literal("a*b") == r"a\*b"
