"""What `/metrics` answers: what the process has counted, and figures that are asked for it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from erasmus_app.telemetry.metrics import REGISTRY

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Figure(NamedTuple):
    """A number of the moment, by the values of its labels; `…_total` is one that only grows."""

    name: str
    says: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]

    @classmethod
    def one(cls, name: str, says: str, value: float | None) -> "Figure":
        """Return one without labels; None: there is none at the moment."""
        return cls(name, says, (), {} if value is None else {(): value})


class _All(Collector):
    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()
        for each in self._figures:
            kind = CounterMetricFamily if each.name.endswith("_total") else GaugeMetricFamily
            family = kind(each.name, each.says, labels=each.labels)
            for values, number in sorted(each.values.items()):
                family.add_metric(values, number)
            yield family


def exposition(figures: Iterable[Figure]) -> bytes:
    """Write everything in Prometheus' text form."""
    return generate_latest(_All(figures))
