"""What can go wrong in understanding a question."""


class NluError(Exception):
    """The errors of this package."""


class WeightsMissing(NluError):
    """The file of weights is not installed. The lexical head does without it."""


class WeightsWrong(NluError):
    """The file of weights is not the one that was tried: it is not read."""


class HeadWrong(NluError):
    """A head is damaged or missing: `make nlu-head` makes it anew."""


class PhrasesWrong(NluError):
    """A file of phrases breaks the layout that `phrases/en.toml` describes."""
