"""An archive's size is nobody's memory."""

import os
import tracemalloc

from databases import VAULT
from unit.store.samples import HOME, NOW, a_nomination, an_answer, log_in, take_in
from unit.store.test_exports import ARCHIVIST

from erasmus_app.store.accounts import AccountTable
from erasmus_app.store.database import open_database
from erasmus_app.store.exports import ExportTable
from erasmus_app.store.records import RecordTable

DOCUMENTS, MEGABYTE = 40, 1 << 20


async def test_forty_megabytes_of_documents_need_no_more_than_a_few(dsn: str):
    async with open_database(dsn, VAULT) as database:
        account = await log_in(AccountTable(database))
        await take_in(RecordTable(database), an_answer(a_nomination()))
        for number in range(DOCUMENTS):
            xml = f"<x>{os.urandom(MEGABYTE // 2).hex()}</x>".encode()
            row = (HOME, f"api-{number}", HOME, HOME, "om-1")
            await database.execute(
                """insert into source_document
                       (tenant, api, hei_id, sending_hei_id, object_id, major, xml)
                   values ($1, $2, $3, $4, $5, 1, $6)""",
                *row,
                VAULT.seal(xml, "source_document.xml", *row),
            )
        await database.execute("delete from source_document where api not like 'api-%'")
        exports = ExportTable(database)
        wish = await exports.request(account, "en", NOW)

        tracemalloc.start()
        try:
            async with exports.writing(wish.export_id) as writing:
                assert writing is not None
                await ARCHIVIST.write(writing.held, "en", NOW, writing.write)
                await writing.finish(NOW)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert writing.size > DOCUMENTS * MEGABYTE // 2
        assert peak < 12 * MEGABYTE, peak
