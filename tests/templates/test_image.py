"""Stage image: already there, loaded from what the cloud handed in, or pulled; never anything else."""

import pytest

from tests.templates.conftest import OnBox

DIGEST = "sha256:" + "ab" * 32
# Knows the image once the file `here` is there; `load` and `pull` bring it.
DOCKER = """
here=$(dirname "$0")/here
case "$1 $2" in
"image inspect") [ -e "$here" ] && echo "example/vllm@{digest} 4200" ;;
"load "*) touch "$here"; echo Loaded ;;
"pull "*) {pull} ;;
esac
"""


def docker(onbox: OnBox, pull: str = 'touch "$here"; echo pulled') -> None:
    onbox.command("docker", DOCKER.format(digest=DIGEST, pull=pull))
    onbox.command("sleep", "")


def words(onbox: OnBox) -> list[str]:
    """Which of Docker's commands were used."""
    return [call.split()[1] for call in onbox.calls()]


def test_an_image_is_pulled_and_its_digest_written_down(onbox: OnBox) -> None:
    docker(onbox)
    done = onbox.run("image")
    assert done.stdout == f"@word example/vllm:1, {'ab' * 6}\n@bytes 4200\n"
    assert "docker pull --quiet example/vllm:1" in onbox.calls()
    assert (onbox.root / "var/lib/daybox/image").read_text() == f"example/vllm@{DIGEST}\n"


def test_an_image_that_the_cloud_hands_in_is_loaded_and_never_pulled(onbox: OnBox) -> None:
    docker(onbox)
    onbox.facts(image={"tar": "vllm.tar"})
    onbox.run("image")
    assert f"docker load --quiet --input {onbox.root}/var/cache/daybox/image/vllm.tar" in onbox.calls()
    assert "pull" not in words(onbox)


def test_an_image_that_is_there_is_left_alone(onbox: OnBox) -> None:
    docker(onbox)
    onbox.run("image")
    assert onbox.run("image").stdout.startswith("@outcome already\n@word example/vllm:1, ")
    assert words(onbox) == ["image", "pull", "image", "image"]


@pytest.mark.parametrize("tar", ["", "vllm.tar"])
def test_an_image_that_did_not_come_fails_with_what_docker_said(onbox: OnBox, tar: str) -> None:
    onbox.command("docker", "echo no route to the registry >&2; exit 1")
    onbox.facts(image={"tar": tar})
    onbox.environment["DAYBOX_PAUSE"] = "0.01"
    done = onbox.run("image")
    assert done.returncode == 1
    assert done.stderr.endswith("no route to the registry\nexample/vllm:1 is not there, neither loaded nor pulled\n")
