"""How far a region is: the time a TCP connection to its speed test takes. Nothing is sent, nothing is downloaded."""

import socket
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

TIMEOUT_SECONDS = 2.0
TRIES = 2  # the first also asks for the name
# Source: linode.com/speed-test as a public web client lists it, read 2026-11-25; GPU regions only.
SPEED_TESTS = {
    "us-ord": "speedtest.chicago.linode.com",
    "us-sea": "speedtest.seattle.linode.com",
    "us-lax": "speedtest.los-angeles.linode.com",
    "us-mia": "speedtest.miami.linode.com",
    "us-east": "speedtest.newark.linode.com",
    "us-southeast": "speedtest.atlanta.linode.com",
    "us-iad": "speedtest.washington.linode.com",
    "ca-central": "speedtest.toronto1.linode.com",
    "fr-par": "speedtest.paris.linode.com",
    "de-fra-2": "de-fra-2.speedtest.linode.com",
    "eu-central": "speedtest.frankfurt.linode.com",
    "gb-lon": "gb-lon.speedtest.linode.com",
    "es-mad": "speedtest.madrid.linode.com",
    "it-mil": "speedtest.milan.linode.com",
    "nl-ams": "speedtest.amsterdam.linode.com",
    "se-sto": "speedtest.stockholm.linode.com",
    "in-maa": "speedtest.chennai.linode.com",
    "in-bom-2": "in-bom-2.speedtest.linode.com",
    "id-cgk": "speedtest.jakarta.linode.com",
    "ap-west": "speedtest.mumbai1.linode.com",
    "ap-south": "speedtest.singapore.linode.com",
    "sg-sin-2": "sg-sin-2.speedtest.linode.com",
    "jp-osa": "speedtest.osaka.linode.com",
    "jp-tyo-3": "jp-tyo-3.speedtest.linode.com",
}


def latencies(regions: Iterable[str], hosts: Mapping[str, str] = SPEED_TESTS, port: int = 443) -> dict[str, float]:
    """Region -> milliseconds, nearest first, all measured side by side; a region that does not answer is left out."""
    asked = [region for region in regions if region in hosts]
    if not asked:
        return {}
    with ThreadPoolExecutor(len(asked)) as pool:
        found = dict(zip(asked, pool.map(lambda region: milliseconds(hosts[region], port), asked), strict=True))
    known = {region: took for region, took in found.items() if took is not None}
    return dict(sorted(known.items(), key=lambda pair: pair[1]))


def milliseconds(host: str, port: int) -> float | None:
    """The quicker of two connections; None if there is none within the time."""
    try:
        return min(connected(host, port) for _ in range(TRIES)) * 1000
    except OSError:
        return None


def connected(host: str, port: int) -> float:
    """Seconds until the connection stands. Raises OSError if it does not."""
    began = time.monotonic()
    with socket.create_connection((host, port), timeout=TIMEOUT_SECONDS):
        return time.monotonic() - began
