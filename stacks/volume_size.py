"""A stack's volume as its settings know it: its label, where the box finds it, how large it must be."""

import math
import re
import zlib

from stacks.models import Model

# Source: Linode's API reference: a volume has 10 GB to 16 TB, its label 1 to 32 characters.
LEAST_GIB, MOST_GIB, LABEL_LENGTH = 10, 16_384, 32
FILE_SYSTEM_SHARE = 1.03  # inodes and journal of ext4: 1.9 % of an empty one, measured
BESIDE_GIB = 4  # `download` keeps 2 free; the rest is for vLLM's own cache, a few hundred MB a model
MOST_DAYS = 366


def volume_label(stack: str) -> str:
    """One a stack: its uniqueness in the account is the lock between two `up`. Of a long name a part and its sum."""
    label = re.sub("[^A-Za-z0-9_-]+", "-", f"daybox-{stack}")
    if len(label) > LABEL_LENGTH or label != f"daybox-{stack}":
        label = f"{label[: LABEL_LENGTH - 9].rstrip('-_')}-{zlib.crc32(stack.encode()):08x}"
    return label


def device(stack: str) -> str:
    """Where the box finds it. Source: `filesystem_path` in recorded API traffic."""
    return f"/dev/disk/by-id/scsi-0Linode_Volume_{volume_label(stack)}"


def volume_gib(text: str) -> int | None:
    """A size that can be ordered; None for none given. Raises ValueError(fact, hint)."""
    if not text:
        return None
    if not text.isdecimal() or not LEAST_GIB <= int(text) <= MOST_GIB:
        raise ValueError(f"{text!r} is no size of a volume", f"write whole GiB from {LEAST_GIB} to {MOST_GIB}")
    return int(text)


def least_gib(*models: Model) -> int:
    """The smallest volume that holds the weights of these models, vLLM's cache, and what `download` keeps free."""
    weights_gib = sum(model.weights_gib for model in models)
    return max(LEAST_GIB, math.ceil(weights_gib * FILE_SYSTEM_SHARE + BESIDE_GIB))


def volume_days(text: str) -> int:
    """Whole days. Raises ValueError(fact, hint)."""
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DAYS:
        raise ValueError(f"{text!r} is no number of days", f"write whole days from 1 to {MOST_DAYS}")
    return int(text)
