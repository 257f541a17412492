"""What a process shows at `/metrics`, as values to compare."""

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from erasmus_app.telemetry.exposition import Figure, exposition

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """Each line of the text form, by its name and labels."""
    return {
        (each.name, frozenset(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def shown(figures: Iterable[Figure] = ()) -> Samples:
    """What this process has counted, all its tests together, and the figures of the moment."""
    return read(exposition(figures).decode())


def number(samples: Samples, metric: str, **labels: str) -> float:
    return samples.get((metric, frozenset(labels.items())), 0.0)
