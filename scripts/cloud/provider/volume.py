"""linode:index/volume:Volume, without cloning."""

from .api import Api
from .errors import ProviderError, Unfinished, told_as
from .resource import Resource
from .sameness import same_set
from .schema import Property, Schema, length, one_of
from .values import Plain
from .waiting import until, until_status

# Source: terraform-provider-linode v3, linode/volume/framework_schema_resource.go.
SCHEMA = Schema(
    token="linode:index/volume:Volume",
    inputs=(
        Property("label", "label", required=True, fault=length(1, 32)),
        Property("region", "region", required=True, replaces=True),  # optional only for a clone
        Property("size", "size", default=20),
        Property("linodeId", "linode_id", computed=True),
        Property("encryption", "encryption", computed=True, replaces=True, fault=one_of("enabled", "disabled")),
        Property("tags", "tags", computed=True, same=same_set),
    ),
    outputs=("filesystemPath", "ioReady", "status"),
)


class Volume(Resource):
    """Block storage."""

    schema = SCHEMA
    path = "/volumes"
    title = "volume"
    updatable = frozenset(("label", "tags", "size", "linodeId"))

    def create(self, api: Api, inputs: Plain, seconds: float) -> tuple[str, Plain]:
        """POST, then wait until it is active."""
        with told_as("creating a volume"):
            found = api.post(self.path, SCHEMA.body(inputs))
        volume_id = str(found["id"])
        try:
            found = until_status(api, f"{self.path}/{volume_id}", "active", seconds=seconds)
        except ProviderError as error:
            raise Unfinished(volume_id, self.describe(api, found), f"volume {volume_id}: {error}") from error
        return volume_id, self.describe(api, found)

    def describe(self, api: Api, found: Plain) -> Plain:
        """Everything is in the volume itself."""
        told = {name: found[name] for name in ("label", "region", "size", "tags", "status", "encryption")}
        return told | {
            "linodeId": found["linode_id"],
            "filesystemPath": found["filesystem_path"],
            "ioReady": found["io_ready"],
        }

    def change(self, api: Api, resource_id: str, changed: frozenset[str], inputs: Plain, seconds: float) -> None:
        """Resize, rename, attach: in the order of the real provider."""
        here = f"{self.path}/{resource_id}"
        if "size" in changed:
            api.post(f"{here}/resize", {"size": inputs["size"]})
            until_status(api, here, "active", seconds=seconds)
        put: Plain = {name: inputs.get(name) for name in ("label", "tags") if name in changed}
        if put:
            api.put(here, put)
        if "linodeId" in changed:
            attach(api, here, inputs.get("linodeId"), seconds)

    def delete(self, api: Api, resource_id: str, state: Plain, seconds: float) -> None:
        """Detach, then DELETE."""
        if state.get("linodeId") is not None:
            with told_as(f"detaching volume {resource_id}"):
                attach(api, f"{self.path}/{resource_id}", None, seconds)
        super().delete(api, resource_id, state, seconds)


def attach(api: Api, here: str, linode_id: int | None, seconds: float) -> None:
    """Have the volume at `here` attached to that Linode, or to none."""
    if api.get(here)["linode_id"] not in (None, linode_id):
        api.post(f"{here}/detach", {})
        _until_attached(api, here, None, seconds)
    if linode_id is not None:
        api.post(f"{here}/attach", {"linode_id": linode_id})
        _until_attached(api, here, linode_id, seconds)


def _until_attached(api: Api, here: str, linode_id: int | None, seconds: float) -> None:
    def question() -> Plain | None:
        found = api.get(here)
        return found if found["linode_id"] == linode_id else None

    until(api, question, seconds=seconds, what=f"{here} to be attached to {linode_id or 'no Linode'}")
