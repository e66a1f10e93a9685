"""The benchmark of the gateway measures something; how fast is not judged here."""

from scripts.bench_gateway import gateway_overhead


def test_the_gateway_is_measured_as_a_process_of_its_own() -> None:
    """Within a second even on a busy machine: beyond it, it would be no overhead but a fault."""
    assert -1 < gateway_overhead() < 1000
