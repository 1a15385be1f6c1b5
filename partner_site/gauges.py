"""A metric as the collector's library wants it."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric


def gauge(name: str, words: str, labels: Iterable[str], values: Iterable[tuple[list[str], float]]) -> Metric:
    """A family of present values: what it is called, what it means, and each value with those of its labels."""
    family = GaugeMetricFamily(name, words, labels=list(labels))
    for named, value in values:
        family.add_metric(named, value)
    return family
