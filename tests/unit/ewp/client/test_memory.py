"""What an answer costs in memory is bounded by its limit, whatever the partner has in mind."""

import asyncio
import gzip
import sys
from itertools import repeat
from pathlib import Path

import pytest
from unit.ewp.client import peak
from unit.ewp.client.hostile import an_answer, chunks, goes_on, unsigned

from ewp.client import LARGEST_ANSWER

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not tell a process's peak"
)

MB = b"a" * 1_000_000
MOST = 6 * LARGEST_ANSWER  # the body, its copies on the way, and what the allocator keeps


@pytest.mark.parametrize(
    "behave",
    [
        unsigned(200, gzip.compress(MB * 200, 1), content_encoding="gzip"),
        goes_on(an_answer(b"transfer-encoding: chunked"), chunks(MB)),
        goes_on(an_answer(b"content-length: 1000000000"), repeat(MB)),
    ],
    ids=["200 MB in gzip", "chunks without end", "a gigabyte"],
)
async def test_a_body_that_is_too_large_takes_little_memory(calls, behave):
    behave(calls.partner)

    process = await asyncio.create_subprocess_exec(
        sys.executable, peak.__file__, calls.partner.origin, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    code, grown = said.decode().split()

    assert (process.returncode, code) == (0, "reply_invalid")
    assert int(grown) < MOST
