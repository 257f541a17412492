"""How far two words are from each other, as fingers slip."""


def distance(one: str, other: str, most: int) -> int:
    """Return how many slips lie between two words: a letter more, less, other, or two swapped.

    Optimal string alignment (Damerau-Levenshtein without edits of what was swapped). What is more
    than `most` is returned as `most + 1`.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before, last = list[int](), list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        now = [row]
        for column, right in enumerate(other, 1):
            cost = min(now[-1] + 1, last[column] + 1, last[column - 1] + (left != right))
            swapped = row > 1 and column > 1 and left == other[column - 2]
            if swapped and one[row - 2] == right:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        if min(now) > most:
            return most + 1
        before, last = last, now
    return min(last[-1], most + 1)
