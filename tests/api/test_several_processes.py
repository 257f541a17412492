"""Real API processes on one database: what one hears, and what its end means to who waits."""

import pytest
from processes import api_running
from subscribers import (
    MESSAGES,
    account_of,
    numbers,
    signed_in_talk,
    streaming,
    told,
)
from testbed import Bed
from websockets.exceptions import ConnectionClosedError


async def test_whichever_process_ends_and_however_the_messages_go_on_at_another(bed: Bed):
    phone = await bed.signed_in("ines")
    account = await account_of(bed, phone)
    await told(bed.app.database, account, 0)
    [last] = (await bed.ask(phone, "{ me { inbox { nodes { id } } } }"))["me"]["inbox"]["nodes"]
    async with api_running(bed) as first, api_running(bed) as second:
        async with (
            signed_in_talk(first.address, phone) as talk,
            streaming(bed, phone, MESSAGES, first.address, after=last["id"]) as stream,
        ):
            await talk.subscribe("1", MESSAGES, after=last["id"])
            await told(bed.app.database, account, 1)
            found = [await talk.next("1", "inboxMessage")]
            assert await stream.next("inboxMessage") == found[0]
            first.process.terminate()
            assert await talk.end() == (1001, "Going away")
            name, data = await stream.event()
            assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "going_away")
            assert await stream.event() == ("complete", None)
        assert await first.ends() == 0
        await told(bed.app.database, account, 2)
        async with signed_in_talk(second.address, phone) as talk:
            await talk.subscribe("1", MESSAGES, after=found[-1]["id"])
            found.append(await talk.next("1", "inboxMessage"))
            second.process.kill()
            with pytest.raises(ConnectionClosedError):
                await talk.hear()
        await told(bed.app.database, account, 3)
        async with signed_in_talk(bed.address, phone) as talk:
            await talk.subscribe("1", MESSAGES, after=found[-1]["id"])
            found.append(await talk.next("1", "inboxMessage"))

    assert numbers(found) == [1, 2, 3]
