"""A partner of its own for each test."""

import pytest
from unit.ewp.client.partner import calling


@pytest.fixture
async def calls():
    async with calling() as calls:
        yield calls
