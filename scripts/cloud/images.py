"""The public images the double knows. Whatever is asked for, a box of the local cloud is Debian."""

from dataclasses import dataclass

from scripts.cloud.replies import Json


@dataclass(frozen=True)
class Image:
    """One public image. size: in MB."""

    id: str
    label: str
    vendor: str
    size: int
    cloud_init: bool = True

    def body(self) -> Json:
        """The image as the API shows it; public images carry no list of replicas."""
        return {
            "id": self.id,
            "label": self.label,
            "description": "",
            "created": "2024-01-01T00:00:00",
            "updated": "2024-01-01T00:00:00",
            "type": "manual",
            "is_public": True,
            "is_shared": None,
            "image_sharing": None,
            "deprecated": False,
            "size": self.size,
            "vendor": self.vendor,
            "eol": None,
            "expiry": None,
            "status": "available",
            "created_by": "linode",
            "capabilities": ["cloud-init"] if self.cloud_init else [],
            "tags": [],
            "total_size": self.size,
            "regions": None,
        }


# Source: recorded API traffic of 2026-05-14; sizes only of the Ubuntu 24.04 pair.
IMAGES = (
    Image("linode/debian12", "Debian 12", "Debian", 2200),
    Image("linode/debian13", "Debian 13", "Debian", 2200),
    Image("linode/ubuntu22.04", "Ubuntu 22.04 LTS", "Ubuntu", 3500),
    Image("linode/ubuntu24.04", "Ubuntu 24.04 LTS", "Ubuntu", 3500),
    Image("linode/ubuntu24.04-nvidia", "Ubuntu 24.04 LTS NVIDIA", "Ubuntu", 4500),
    Image("linode/slackware15.0", "Slackware 15.0", "Slackware", 6000, cloud_init=False),
)
BY_ID = {image.id: image for image in IMAGES}
