"""Outgoing mobilities 1: what version 2 is, less what it added (guide §4.2.3).

A nomination of version 1 is read into the struct of version 2, so that whoever knows the one knows
the other; what it cannot say is absent there.
"""

from dataclasses import replace
from typing import Any, TypeVar

from ewp.messages.shapes import Need, Shape

T = TypeVar("T")

ITEM = "student-mobility-for-studies"
_NEWER = ("activity_type", "activity_attributes", "additional_requirements")


def version_1_of(version_2: Shape[T]) -> Shape[T]:
    """Make the nomination of version 1 from that of version 2."""
    check = version_2.check_write

    def check_write(mobility: T) -> None:
        if check is not None:
            check(mobility)
        if any(getattr(mobility, name) for name in _NEWER):
            raise ValueError("version 1 knows no activity and no additional requirements")

    fields = []
    for field in version_2.fields:
        if field.name in _NEWER:  # read all the same: partners mix the versions up
            fields.append(replace(field, need=Need.NEVER))
        elif field.name == "student" and isinstance(field.kind, Shape):
            fields.append(replace(field, kind=_without_need(field.kind, "global_id")))
        else:
            fields.append(field)
    return replace(version_2, fields=tuple(fields), check_write=check_write)


def _without_need(student: Shape[Any], name: str) -> Shape[Any]:
    fields = (
        replace(field, need=Need.NEVER) if field.name == name else field for field in student.fields
    )
    return replace(student, fields=tuple(fields))
