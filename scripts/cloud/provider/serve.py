"""The plugin process: one gRPC server, one line on stdout, errors of one line, and an end with the engine."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from . import VERSION
from .errors import InitFailure, ProviderError
from .provider import LinodeProvider

Method = Callable[[Any, Any, Any], Awaitable[Any]]
ENGINE_VARIABLE = "DAYBOX_ENGINE_PID"  # set by bin/pulumi-resource-linode
WATCH_SECONDS = 1.0


def in_one_line(method: Method) -> Method:
    """`method`, whose ProviderErrors reach the user as they are: the SDK's server puts a traceback to each error."""

    async def answer(self: ProviderServicer, request: object, context: grpc.aio.ServicerContext) -> object:
        try:
            return await method(self, request, context)
        except Exception as error:
            cause = error.__context__  # the SDK raises its text while it handles ours
            if isinstance(cause, InitFailure):
                await context.abort(grpc.StatusCode.UNKNOWN, str(cause), init_failure_details(cause))
            if isinstance(cause, ProviderError):
                await context.abort(grpc.StatusCode.UNKNOWN, str(cause))
            raise

    return answer


def init_failure_details(error: InitFailure) -> tuple[tuple[str, bytes]]:
    """The trailing metadata that tells the engine to store the resource although its creation failed."""
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.resource_id,
            properties=PropertyValue.marshal_map(error.properties),
            inputs=PropertyValue.marshal_map(error.inputs),
            reasons=[str(error)],
        )
    )
    return (("grpc-status-details-bin", status.SerializeToString()),)


class Servicer(ProviderServicer):
    """The SDK's server, with errors made for people."""

    CheckConfig = in_one_line(ProviderServicer.CheckConfig)
    Configure = in_one_line(ProviderServicer.Configure)
    Invoke = in_one_line(ProviderServicer.Invoke)
    Check = in_one_line(ProviderServicer.Check)
    Diff = in_one_line(ProviderServicer.Diff)
    Create = in_one_line(ProviderServicer.Create)
    Read = in_one_line(ProviderServicer.Read)
    Update = in_one_line(ProviderServicer.Update)
    Delete = in_one_line(ProviderServicer.Delete)


async def serve() -> None:
    """Serve until the engine ends us, or has ended itself."""
    engine = int(os.environ.get(ENGINE_VARIABLE) or os.getppid())  # imports take a second, in which it may be killed
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    # The engine's address is for components that register resources of their own; there are none here.
    servicer = Servicer(sys.argv[1:], VERSION, LinodeProvider(), engine_address="")
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await end_of(engine)
    os._exit(0)  # not sys.exit: threads that wait for the cloud would be waited for


async def end_of(process: int) -> None:
    """Return when `process`, our parent, is gone: an engine that was killed tells nobody."""
    while os.getppid() == process:
        await asyncio.sleep(WATCH_SECONDS)
