"""Real boxes: systemd-nspawn containers that boot Debian, each with a link, a firewall and a keeper of its own."""

import json
from pathlib import Path
from typing import Any

from scripts.cloud import block, cgroup, link, seed
from scripts.cloud.box_folder import BoxFolder, Facts
from scripts.cloud.boxes import State
from scripts.cloud.parts import remove
from scripts.cloud.prepare import handed_in, prepared_rootfs
from stacks.errors import CloudError
from stacks.places import cache_dir

LASSIE_SECONDS = 5.0  # Linode's takes a minute or so; nobody wants to wait that long for a pretended one
OPEN: tuple[list[dict[str, Any]], str] = ([], "ACCEPT")  # an Instance without a firewall
KEEPER = "scripts.cloud.keeper"
PROPAGATE = Path("/run/systemd/nspawn/propagate")  # a killed systemd-nspawn leaves an empty folder there


class NspawnBoxes:
    """The boxes below one folder; see boxes.Boxes for what each method promises."""

    def __init__(self, folder: Path, *, lassie_seconds: float = LASSIE_SECONDS) -> None:
        self.folder = folder.absolute()
        self.lassie_seconds = lassie_seconds

    def create(
        self, box_id: int, *, label: str, user_data: bytes, authorized_keys: list[str], lassie: bool, api_port: int
    ) -> str:
        """Take an address, lay out the disk, start the keeper; or leave nothing, if one of these cannot be done."""
        rootfs, box = prepared_rootfs(cache_dir()), self._box(box_id)
        try:
            box.make()
            own = link.take(box_id, api_port)
            mounts = {place: str(source) for place, source in handed_in(cache_dir()).items()}
            box.write_facts(Facts(box_id, label, own.subnet, api_port, self.lassie_seconds, str(rootfs), mounts))
            box.mount(str(rootfs))
            seed.plant(box.root, link=own, label=label, user_data=user_data, authorized_keys=authorized_keys)
            self.set_lassie(box_id, lassie)
            self.boot(box_id)
        except BaseException:
            self.delete(box_id)
            raise
        return own.box

    def address(self, box_id: int) -> str | None:
        """The box's end of its link."""
        facts = self._box(box_id).facts()
        return facts.link.box if facts else None

    def state(self, box_id: int) -> State:
        """What the keeper says; a box without any process is offline, whoever said what."""
        box = self._box(box_id)
        if box.facts() is None:
            return "gone"
        said = box.read("state")
        if cgroup.is_empty(cgroup.folder(box_id)):
            return "offline"
        return "running" if said == "running" else "offline" if said == "offline" else "booting"

    def set_rules(self, box_id: int, inbound: list[dict[str, Any]], inbound_policy: str) -> None:
        """Write them down, and hold them if there is a link yet."""
        box = self._box(box_id)
        box.path.mkdir(parents=True, exist_ok=True)
        box.write("rules.json", json.dumps([inbound, inbound_policy]))
        if box.facts():
            self._hold_rules(box_id)

    def make_volume(self, volume_id: int, size_gib: int) -> None:
        """A sparse file beside the boxes."""
        block.make(self._image(volume_id), size_gib)

    def remove_volume(self, volume_id: int) -> None:
        """Delete the file."""
        block.remove(self._image(volume_id))

    def set_volumes(self, box_id: int, volumes: dict[str, int]) -> None:
        """Write it down: the keeper plugs them in, at each boot again."""
        box = self._box(box_id)
        if box.facts():
            before, now = box.volumes(), {label: str(self._image(one)) for label, one in volumes.items()}
            box.write("volumes.json", json.dumps(now))
            for image in set(before.values()) - set(now.values()):
                block.release(Path(image))

    def set_lassie(self, box_id: int, on: bool) -> None:
        """The keeper reads it when the box goes off."""
        self._box(box_id).write("lassie", "on" if on else "off")

    def boot(self, box_id: int) -> None:
        """Ask for it, and have a keeper that hears it."""
        self._ask(box_id, "up")

    def shutdown(self, box_id: int) -> None:
        """Ask the keeper for it."""
        self._ask(box_id, "down")

    def reboot(self, box_id: int) -> None:
        """Ask the keeper for it; a box that is off is booted."""
        self._ask(box_id, "up" if self.state(box_id) == "offline" else "reboot")

    def delete(self, box_id: int) -> None:
        """Kill all it runs, then take its link and its files away. Raises CloudError if something will not go."""
        box = self._box(box_id)
        if not cgroup.end(cgroup.folder(box_id)):
            raise CloudError(f"local cloud: box {box_id}: a process does not end", hint="scripts/cloud/stop --boxes")
        for image in box.volumes().values():
            block.release(Path(image))
        link.remove(box_id)
        remove(PROPAGATE / f"dbx{box_id}")
        if box.path.exists():
            box.remove()

    def _image(self, volume_id: int) -> Path:
        return self.folder.parent / "volumes" / f"{volume_id}.img"

    def _box(self, box_id: int) -> BoxFolder:
        return BoxFolder(self.folder / str(box_id))

    def _ask(self, box_id: int, wish: str) -> None:
        box, group = self._box(box_id), cgroup.folder(box_id)
        facts = box.facts()
        if facts is None:
            return
        box.write("want", wish)
        if cgroup.is_empty(group) and wish != "down":
            link.keep(facts.link)  # this machine may have been restarted since
            self._hold_rules(box_id)
            cgroup.start_in(group, box.log, KEEPER, str(box.path))

    def _hold_rules(self, box_id: int) -> None:
        rules, policy = self._box(box_id).rules() or OPEN
        link.load(link.inbound(box_id, rules, policy))
