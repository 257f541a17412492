"""What a step finds: a grade, and a sentence that says why."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import httpx


class Grade(IntEnum):
    """As the network's registry grades; the worst of a step counts."""

    SUCCESS = 0
    NOTICE = 1
    WARNING = 2
    FAILURE = 3


@dataclass(frozen=True)
class Result:
    grade: Grade
    words: str

    def __str__(self) -> str:
        return f"{self.grade.name}: {self.words}"


@dataclass(frozen=True)
class Step:
    """One check of one endpoint of the `Site` that is looked at."""

    id: str
    check: Callable[[Any], Awaitable[Result]]

    async def run(self, site: Any) -> Result:
        try:
            return await self.check(site)
        except httpx.HTTPError as error:
            return failure(f"there was no answer: {type(error).__name__}")


def success(words: str = "as it has to be") -> Result:
    return Result(Grade.SUCCESS, words)


def notice(words: str) -> Result:
    return Result(Grade.NOTICE, words)


def warning(words: str) -> Result:
    return Result(Grade.WARNING, words)


def failure(words: str) -> Result:
    return Result(Grade.FAILURE, words)


def worst(*results: Result) -> Result:
    """One result of many: the worst grade, and all that was said with it."""
    grade = max((each.grade for each in results), default=Grade.SUCCESS)
    words = [each.words for each in results if each.grade is grade]
    return Result(grade, "; ".join(dict.fromkeys(words)) or "nothing to find fault with")
