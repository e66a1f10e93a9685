"""How far a region is: measured, or left out."""

import socket

from stacks.latency import SPEED_TESTS, latencies, milliseconds


def test_a_host_that_answers_has_a_distance() -> None:
    with socket.create_server(("127.0.0.1", 0)) as here:
        took = latencies(["us-ord"], {"us-ord": "127.0.0.1"}, here.getsockname()[1])
    assert 0 < took["us-ord"] < 1000


def test_a_region_that_does_not_answer_is_left_out_and_so_is_one_without_a_speed_test() -> None:
    assert latencies(["us-ord", "xx-none"], {"us-ord": "127.0.0.1"}, 9) == {}
    assert latencies([], SPEED_TESTS) == {}


def test_the_nearest_comes_first() -> None:
    with socket.create_server(("127.0.0.1", 0)) as here:
        port = here.getsockname()[1]
        hosts = {"a": "127.0.0.1", "b": "127.0.0.1", "c": "127.0.0.1"}
        found = latencies(hosts, hosts, port)
    assert list(found.values()) == sorted(found.values()) and set(found) == set(hosts)


def test_no_name_no_distance() -> None:
    assert milliseconds("no-such-host.invalid", 443) is None


def test_every_speed_test_is_linodes_own() -> None:
    assert all(host.endswith(".linode.com") for host in SPEED_TESTS.values())
