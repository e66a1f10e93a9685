"""What every resource of the provider can do."""

from abc import ABC, abstractmethod
from typing import ClassVar

from .api import Api
from .errors import ApiError, ProviderError, told_as
from .schema import Schema
from .values import Plain


class Resource(ABC):
    """One resource type. Inputs and states are plain; seconds: how long the deed may take."""

    schema: ClassVar[Schema]
    path: ClassVar[str]
    """Where the API lists them."""
    title: ClassVar[str]
    """As errors name it."""
    updatable: ClassVar[frozenset[str]]
    """The inputs that the stand-in can change in place; of others the real provider may know how."""

    @abstractmethod
    def create(self, api: Api, inputs: Plain, seconds: float) -> tuple[str, Plain]:
        """Make it; its id and state. Raises Unfinished if it exists but did not become what it should."""

    @abstractmethod
    def describe(self, api: Api, found: Plain) -> Plain:
        """The state of it, from what the API says at its path (`found`) and whatever else must be asked."""

    @abstractmethod
    def change(self, api: Api, resource_id: str, changed: frozenset[str], inputs: Plain, seconds: float) -> None:
        """Bring the `changed` inputs to the new `inputs`."""

    def read(self, api: Api, resource_id: str) -> Plain | None:
        """Its state now; None if it is gone: 404, and nothing but 404."""
        try:
            found = api.get(f"{self.path}/{resource_id}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return self.describe(api, found)

    def update(self, api: Api, resource_id: str, changed: frozenset[str], inputs: Plain, seconds: float) -> Plain:
        """`change`, then its state."""
        if beyond := sorted(changed - self.updatable):
            raise ProviderError(
                f"{self.title} {resource_id}: the stand-in of the linode provider cannot change {', '.join(beyond)} "
                f"in place; name it in replace_on_changes, or use the real provider"
            )
        with told_as(f"updating {self.title} {resource_id}"):
            self.change(api, resource_id, changed, inputs, seconds)
        return self.describe(api, api.get(f"{self.path}/{resource_id}"))

    def delete(self, api: Api, resource_id: str, state: Plain, seconds: float) -> None:
        """End it. That it is not there is an error, as with the real provider: a refresh tells the state first."""
        with told_as(f"deleting {self.title} {resource_id}"):
            api.delete(f"{self.path}/{resource_id}")
