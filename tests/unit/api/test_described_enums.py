"""Enums of the domain in the schema, a sentence for each value."""

from enum import StrEnum

import pytest
import strawberry

from erasmus_app.api.schema.enums import described_enum


def test_every_value_says_what_it_means():
    class Way(StrEnum):
        OUT = "out"
        BACK = "back"

    described_enum(
        Way, name="Way", description="Where to.", values={"OUT": "Away.", "BACK": "Home."}
    )

    @strawberry.type
    class Query:
        way: Way

    assert (
        '"""Where to."""\nenum Way {\n  """Away."""\n  OUT\n\n  """Home."""\n  BACK\n}'
        in strawberry.Schema(Query).as_str()
    )


@pytest.mark.parametrize("values", [{}, {"OUT": "Away.", "BACK": "Home."}])
def test_a_sentence_too_few_or_too_many_stops_the_start(values: dict[str, str]):
    class Way(StrEnum):
        OUT = "out"

    with pytest.raises(ValueError, match=r"Way: said of one and not of the other: (OUT|BACK)"):
        described_enum(Way, name="Way", description="Where to.", values=values)
