"""The provider as the engine sees it: each request goes to its resource, in a thread of its own."""

import asyncio
from collections.abc import Mapping

from pulumi.provider.experimental import provider as engine
from pulumi.provider.experimental.property_value import PropertyValue

from .api import Api
from .difference import changes, response
from .endpoint import Endpoint, url_fault
from .errors import InitFailure, ProviderError, Unfinished
from .firewall import Firewall
from .instance import Instance
from .resource import Resource
from .schema import Schema
from .token import Token
from .values import UNKNOWN, Plain, Values, plain, plain_members, unknown, wrap
from .volume import Volume

RESOURCES: dict[str, Resource] = {kind.schema.token: kind for kind in (Instance(), Firewall(), Token(), Volume())}
# Source: linode/instance/resource.go and linode/volume/framework_resource.go.
CREATE_SECONDS, UPDATE_SECONDS, DELETE_SECONDS = 15 * 60, 60 * 60, 10 * 60


class LinodeProvider(engine.Provider):
    """The stand-in of the linode provider."""

    api: Api

    async def check_config(self, request: engine.CheckRequest) -> engine.CheckResponse:
        """Refuse a cloud that is not on this machine before anything is sent anywhere."""
        url = plain_members(request.new_inputs).get("url", UNKNOWN)
        fault = url_fault(url) if url is not UNKNOWN else ""
        failures = [engine.CheckFailure("url", fault)] if fault else []
        return engine.CheckResponse(inputs=request.new_inputs, failures=failures)

    async def configure(self, request: engine.ConfigureRequest) -> engine.ConfigureResponse:
        """Take the endpoint, and see whether somebody answers there, by the call the real provider makes here."""
        self.api = Api(Endpoint.from_arguments(plain_members(request.args)))
        await asyncio.to_thread(self.api.get, "/linode/types", query={"page": 100})
        return engine.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: engine.CheckRequest) -> engine.CheckResponse:
        """Defaults, and every fault that can be seen without the API."""
        inputs, failures = resource(request.type).schema.check(request.new_inputs)
        return engine.CheckResponse(inputs=inputs, failures=failures)

    async def diff(self, request: engine.DiffRequest) -> engine.DiffResponse:
        """What would change, and whether in place."""
        schema = resource(request.type).schema
        return response(changes(schema, request.old_state, request.new_inputs, request.ignore_changes))

    async def create(self, request: engine.CreateRequest) -> engine.CreateResponse:
        """In a preview, the inputs, and everything else unknown; an empty id is an unknown one."""
        kind, given = resource(request.type), request.properties
        if request.preview:
            return engine.CreateResponse("", expected(kind.schema, given))
        seconds = request.timeout or CREATE_SECONDS
        try:
            found_id, found = await asyncio.to_thread(kind.create, self.api, plain_members(given), seconds)
        except Unfinished as error:
            properties = merged(kind.schema, given, error.state)
            raise InitFailure(error.resource_id, properties=properties, inputs=given, reason=str(error)) from error
        return engine.CreateResponse(found_id, merged(kind.schema, given, found))

    async def read(self, request: engine.ReadRequest) -> engine.ReadResponse:
        """What is there now; an empty id says that it is gone. The inputs follow what has changed behind our back."""
        kind = resource(request.type)
        found = await asyncio.to_thread(kind.read, self.api, request.resource_id)
        if found is None:
            return engine.ReadResponse("")
        properties = merged(kind.schema, request.properties, found)
        wanted = request.inputs or [row.name for row in kind.schema.inputs]  # none: `pulumi import`
        inputs = {name: properties[name] for name in wanted if name in properties}
        return engine.ReadResponse(request.resource_id, properties, inputs)

    async def update(self, request: engine.UpdateRequest) -> engine.UpdateResponse:
        """Change it in place; in a preview, say what it will be."""
        kind = resource(request.type)
        known = kept(kind.schema, request.olds) | request.news
        if request.preview:
            return engine.UpdateResponse(known)
        changed = frozenset(changes(kind.schema, request.olds, request.news, request.ignore_changes))
        seconds = request.timeout or UPDATE_SECONDS
        found = await asyncio.to_thread(
            kind.update, self.api, request.resource_id, changed, plain_members(request.news), seconds
        )
        return engine.UpdateResponse(merged(kind.schema, known, found))

    async def delete(self, request: engine.DeleteRequest) -> None:
        """End it."""
        kind, seconds = resource(request.type), request.timeout or DELETE_SECONDS
        await asyncio.to_thread(kind.delete, self.api, request.resource_id, plain_members(request.properties), seconds)

    async def invoke(self, request: engine.InvokeRequest) -> engine.InvokeResponse:
        """There are no getters here."""
        raise ProviderError(f"{request.tok}: the stand-in of the linode provider has no getters; ask the API directly")

    async def cancel(self) -> None:
        """Wake whoever waits for the cloud: what exists by then is kept in the state."""
        if hasattr(self, "api"):
            self.api.cancelled.set()


def resource(token: str) -> Resource:
    """The resource of a type token. Raises ProviderError."""
    if found := RESOURCES.get(token.rpartition("$")[2]):  # a child of a component has its parents' types before its own
        return found
    known = ", ".join(sorted(known.rsplit(":", 1)[1] for known in RESOURCES))
    raise ProviderError(f"{token}: the stand-in of the linode provider serves {known} only; use the real provider")


def expected(schema: Schema, inputs: Mapping[str, PropertyValue]) -> Values:
    """The outputs of a create, as far as a preview can know them."""
    filled_in = [row.name for row in schema.inputs if row.computed and row.name not in inputs]
    return {name: unknown(secret=name in schema.secrets) for name in (*schema.outputs, *filled_in)} | dict(inputs)


def kept(schema: Schema, state: Mapping[str, PropertyValue]) -> Values:
    """What of a state does not come from the program, and so outlives an update."""
    given = {row.name for row in schema.inputs if not row.computed}
    return {name: value for name, value in state.items() if name not in given}


def merged(schema: Schema, known: Mapping[str, PropertyValue], found: Plain) -> Values:
    """`known`, brought up to what the cloud says.

    What means the same keeps its spelling; what is secret stays secret, whatever its value; what is gone goes.
    """
    values = dict(known)
    for name, value in found.items():
        old = known.get(name)
        if value is None:
            values.pop(name, None)
        elif old is None or not schema.same(name, plain(old), value):
            secret = name in schema.secrets or (old is not None and old.contains_secret())
            values[name] = wrap(value, secret=secret)
    return values
