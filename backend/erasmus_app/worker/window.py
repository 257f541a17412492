"""How many pushes are under way to one service: as many as it bears, found out by trying."""

from dataclasses import dataclass

FIRST, LEAST = 32.0, 4.0
STEP = 4.0  # in one round of answers, once it has been halved
SLACK = 0.05  # seconds beyond twice the usual time: then more side by side gains nothing


@dataclass(slots=True)
class Window:
    """Grows by one for each answer, later by a few for each round of them; a setback halves it.

    It grows while it is made use of and answers take no longer than they do with few of them
    under way (additive increase, multiplicative decrease). Times are those of the loop, seconds.
    """

    at_most: int
    size: float = FIRST
    _usual: float | None = None  # what an answer takes
    _lately: float = 0.0
    _halved_at: float = float("-inf")
    _starting: bool = True

    def __post_init__(self) -> None:
        self.size = min(self.size, float(self.at_most))

    def answered(self, began: float, now: float, under_way: int) -> None:
        """Note an answer to what was sent at `began`, with so many under way then."""
        took = now - began
        if self._usual is None:
            self._usual = self._lately = took
        # The quickest is the usual, and is forgotten slowly: the way there may have become longer.
        self._usual += (took - self._usual) * (1.0 if took < self._usual else 0.0005)
        self._lately += (took - self._lately) * 0.05
        if under_way < self.size / 2 or self._lately > 2 * self._usual + SLACK:
            return
        step = 1.0 if self._starting else STEP / self.size
        self.size = min(self.size + step, float(self.at_most))

    def set_back(self, began: float, now: float) -> None:
        """Note that the service took too long or said that it has too much, of what began then.

        Those that were under way when it was halved say the same thing once more.
        """
        if began > self._halved_at:
            self.size = max(min(LEAST, self.at_most), self.size / 2)
            self._halved_at = now
            self._starting = False
