"""As much of PromQL as our alert rules use, evaluated over series that a test writes down.

`promql_parser` reads the expressions, as Prometheus does; values are computed here. What is not
known here raises, so that no rule is taken to be right which was never evaluated.
"""

import math
import operator
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import promql_parser as ast

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = float | Vector

NAME = "__name__"
LOOKBACK = 300.0  # seconds in which a sample counts as the present one
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else math.nan if a == 0 or math.isnan(a) else math.inf,
}
_COMPARISON: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_AGGREGATE: Mapping[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}


def labels(text: Mapping[str, str]) -> Labels:
    return frozenset(text.items())


def without_name(found: Labels) -> Labels:
    return frozenset(each for each in found if each[0] != NAME)


@dataclass
class Series:
    """Samples by their labels, each list by its time in seconds."""

    samples: dict[Labels, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, of: Labels, at: float, value: float) -> None:
        self.samples.setdefault(of, []).append((at, value))

    def value(self, expression: str, at: float) -> Vector:
        """What an expression is at a time; a number is one value without labels."""
        found = self._of(ast.parse(expression), at)
        return {frozenset(): found} if isinstance(found, float) else found

    def _of(self, node: Any, at: float) -> Value:
        match node:
            case ast.NumberLiteral():
                return float(node.val)
            case ast.ParenExpr():
                return self._of(node.expr, at)
            case ast.VectorSelector():
                return self._present(node, at)
            case ast.Call():
                return self._call(node, at)
            case ast.AggregateExpr():
                return self._aggregate(node, at)
            case ast.BinaryExpr():
                return _binary(node, self._of(node.lhs, at), self._of(node.rhs, at))
        raise NotImplementedError(type(node).__name__)

    def _selected(self, node: Any) -> dict[Labels, list[tuple[float, float]]]:
        tests = [partial(_matches, each) for each in node.matchers.matchers]
        return {
            of: samples
            for of, samples in self.samples.items()
            if dict(of)[NAME] == node.name and all(each(dict(of)) for each in tests)
        }

    def _present(self, node: Any, at: float) -> Vector:
        at -= node.offset.total_seconds() if node.offset else 0
        found = {}
        for of, samples in self._selected(node).items():
            last = bisect_right(samples, (at, math.inf)) - 1
            if last >= 0 and samples[last][0] > at - LOOKBACK:
                found[of] = samples[last][1]
        return found

    def _range(self, node: Any, at: float) -> dict[Labels, list[tuple[float, float]]]:
        selector, seconds = node.vector_selector, node.range.total_seconds()
        at -= selector.offset.total_seconds() if selector.offset else 0
        found = {
            of: samples[
                bisect_right(samples, (at - seconds, math.inf)) : bisect_right(
                    samples, (at, math.inf)
                )
            ]
            for of, samples in self._selected(selector).items()
        }
        return {of: samples for of, samples in found.items() if samples}

    def _call(self, node: Any, at: float) -> Value:
        name, arguments = node.func.name, node.args
        if name == "vector":
            return {frozenset(): float(arguments[0].val)}
        if name == "absent":
            selector = arguments[0]
            equal = {m.name: m.value for m in selector.matchers.matchers if _is_equal(m)}
            return {} if self._present(selector, at) else {labels(equal): 1.0}
        of_range: Mapping[str, Callable[..., float | None]] = {
            "rate": _rate,
            "increase": _increase,
            "avg_over_time": lambda samples, *_: sum(v for _, v in samples) / len(samples),
            "max_over_time": lambda samples, *_: max(v for _, v in samples),
        }
        if name not in of_range:
            raise NotImplementedError(name)
        seconds = arguments[0].range.total_seconds()
        computed = {
            without_name(of): of_range[name](samples, at, seconds)
            for of, samples in self._range(arguments[0], at).items()
        }
        return {of: value for of, value in computed.items() if value is not None}

    def _aggregate(self, node: Any, at: float) -> Vector:
        inner = self._of(node.expr, at)
        assert isinstance(inner, dict)
        by = set(node.modifier.labels) if node.modifier else set()
        if node.modifier and node.modifier.type != ast.AggModifierType.By:
            raise NotImplementedError("without")
        groups: dict[Labels, list[float]] = {}
        for of, value in inner.items():
            groups.setdefault(frozenset(e for e in of if e[0] in by), []).append(value)
        compute = _AGGREGATE[str(node.op)]
        return {of: compute(values) for of, values in groups.items()}


def _is_equal(matcher: Any) -> bool:
    return bool(matcher.op == ast.MatchOp.Equal)


def _matches(matcher: Any, of: Mapping[str, str]) -> bool:
    value = of.get(matcher.name, "")
    if matcher.op in (ast.MatchOp.Equal, ast.MatchOp.NotEqual):
        return (value == matcher.value) is _is_equal(matcher)
    wanted = matcher.op == ast.MatchOp.Re
    return (re.fullmatch(matcher.value, value) is not None) is wanted


def _increase(samples: list[tuple[float, float]], at: float, seconds: float) -> float | None:
    """As Prometheus: what a counter grew by, stretched to the range's ends where they are near."""
    if len(samples) < 2:
        return None
    grown = samples[-1][1] - samples[0][1]
    for (_, before), (_, after) in pairwise(samples):
        grown += before if after < before else 0  # it began anew
    covered = samples[-1][0] - samples[0][0]
    usual = covered / (len(samples) - 1)
    start, end = samples[0][0] - (at - seconds), at - samples[-1][0]
    if start >= usual * 1.1:
        start = usual / 2
    if grown > 0 and samples[0][1] >= 0:
        start = min(start, covered * samples[0][1] / grown)  # a counter was never below zero
    if end >= usual * 1.1:
        end = usual / 2
    return grown * (covered + start + end) / covered


def _rate(samples: list[tuple[float, float]], at: float, seconds: float) -> float | None:
    grown = _increase(samples, at, seconds)
    return None if grown is None else grown / seconds


def _binary(node: Any, left: Value, right: Value) -> Value:
    name = str(node.op)
    if isinstance(left, float) and isinstance(right, float):
        return _ARITHMETIC[name](left, right)
    if isinstance(left, float) or isinstance(right, float):
        return _with_number(name, left, right)
    key = partial(_key, node.modifier)
    there = {key(of): value for of, value in right.items()}
    if name in {"and", "unless"}:
        return {of: v for of, v in left.items() if (key(of) in there) is (name == "and")}
    if name == "or":
        known = {key(of) for of in left}
        return left | {of: v for of, v in right.items() if key(of) not in known}
    assert len(there) == len(right), "several on the right for one on the left"
    found: Vector = {}
    for of, value in left.items():
        if key(of) not in there:
            continue
        assert key(of) not in found, "several on the left for one on the right"
        if name in _ARITHMETIC:
            found[key(of)] = _ARITHMETIC[name](value, there[key(of)])
        elif _COMPARISON[name](value, there[key(of)]):
            found[key(of)] = value
    return found


def _with_number(name: str, left: Value, right: Value) -> Vector:
    vector = left if isinstance(left, dict) else right
    assert isinstance(vector, dict)

    def both(value: float) -> tuple[float, float]:
        return (
            left if isinstance(left, float) else value,
            right if isinstance(right, float) else value,
        )

    if name in _ARITHMETIC:
        return {without_name(of): _ARITHMETIC[name](*both(v)) for of, v in vector.items()}
    return {of: value for of, value in vector.items() if _COMPARISON[name](*both(value))}


def _key(modifier: Any, of: Labels) -> Labels:
    """The labels by which two sides are matched."""
    if modifier is None or modifier.matching is None:
        return without_name(of)
    if modifier.matching.type != ast.LabelModifierType.Include:
        raise NotImplementedError("ignoring")
    return frozenset(each for each in of if each[0] in modifier.matching.labels)
