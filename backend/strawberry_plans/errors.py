"""Why an operation has no plan, or a plan gave up."""


class Unplannable(Exception):
    """An operation that no plan is made for; the reference executor runs it each time."""


class GaveUp(Exception):
    """A value that a plan does not know what to do with: the reference executor decides."""
