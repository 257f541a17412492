"""Questions that were not answered, in PostgreSQL, under keyed hashes of who asked and of words."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from erasmus_app.chat.learning import PURPOSE, KeptQuestion, Place, ToKeep, Verdict
from erasmus_app.chat.stripping import folded, unsure_in
from erasmus_app.ids import AccountId, HeiId
from erasmus_app.store.consents import subject_key
from erasmus_app.store.database import Database
from erasmus_app.store.sealed import Vault

_COLUMN = "unanswered_question.text"


@dataclass(frozen=True, slots=True)
class QuestionTable:
    """See `chat.learning.Questions`."""

    database: Database
    version: int  # of the consent that is asked for today

    async def has_agreed(self, account: AccountId) -> bool:
        """Return whether the student has agreed to the present text, and not taken that back."""
        found = await self.database.fetchval(
            """select 1 from consent where subject_key = $1 and purpose = $2 and version = $3
               and withdrawn_at is null""",
            subject_key(self.database.vault, account),
            PURPOSE,
            self.version,
        )
        return found is not None

    async def keep(self, account: AccountId, question: ToKeep, most: int) -> None:
        """Keep one, or count one more who has asked it; nothing without consent by then."""
        vault, stripped = self.database.vault, question.stripped
        asker, new = subject_key(vault, account), uuid4()
        async with self.database.transaction() as connection:
            # Held until the end: who withdraws meanwhile takes away what is written here.
            agreed = await connection.fetchval(
                """select 1 from consent where subject_key = $1 and purpose = $2 and version = $3
                   and withdrawn_at is null for update""",
                asker,
                PURPOSE,
                self.version,
            )
            kept = await connection.fetchval(
                "select count(*) from unanswered_question where askers @> array[$1]::text[]", asker
            )
            if agreed is None or kept >= most:
                return
            await connection.execute(
                """insert into unanswered_question (tenant, question_id, text, text_key, language,
                       band, intents, version, month, askers, unsure)
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, array[$10]::text[], $11)
                   on conflict (tenant, language, text_key) do update set
                       month = greatest(unanswered_question.month, excluded.month),
                       askers = case when unanswered_question.askers @> excluded.askers
                           then unanswered_question.askers
                           else unanswered_question.askers || excluded.askers end""",
                question.tenant,
                new,
                vault.seal(stripped.text.encode(), _COLUMN, question.tenant, new),
                vault.hashed("question", _same(stripped.text)),
                question.language,
                question.band,
                list(question.intents),
                question.version,
                question.month,
                asker,
                [_word_key(vault, each) for each in stripped.unsure],
            )

    async def page(
        self,
        tenant: HeiId,
        first: int,
        after: Place | None,
        *,
        language: str | None,
        reviewed: bool,
        many: int,
    ) -> Sequence[KeptQuestion]:
        """Return a page: what most have asked comes first; `unsure` are words of less than many."""
        rows = await self.database.fetch(
            """select *, cardinality(askers) as students from unanswered_question
               where tenant = $1 and (verdict is null) = not $2
                   and ($3::text is null or language = $3)
                   and ($4::int is null or (-cardinality(askers), question_id) > (-$4::int, $5))
               order by cardinality(askers) desc, question_id limit $6""",
            tenant,
            reviewed,
            language,
            after.students if after else None,
            after.question_id if after else None,
            first,
        )
        keys = sorted({key for row in rows for key in row["unsure"]})
        counted = await self.database.fetch(
            """select key from unanswered_question q, unnest(q.unsure) key, unnest(q.askers) asker
               where q.tenant = $1 and q.unsure && $2 and key = any($2)
               group by key having count(distinct asker) >= $3""",
            tenant,
            keys,
            many,
        )
        common = {row["key"] for row in counted}
        return [_kept(row, self.database.vault, common) for row in rows]

    async def review(
        self, tenants: Collection[HeiId], question: UUID, verdict: Verdict, intent: str | None
    ) -> HeiId | None:
        """Note a verdict; return whose question it is, None of one that is none of theirs."""
        found: HeiId | None = await self.database.fetchval(
            """update unanswered_question set verdict = $3, intent = $4
               where question_id = $1 and tenant = any($2::text[]) returning tenant""",
            question,
            list(tenants),
            verdict.value,
            intent,
        )
        return found


def _kept(row: asyncpg.Record, vault: Vault, common: Collection[str]) -> KeptQuestion:
    text = vault.open(row["text"], _COLUMN, row["tenant"], row["question_id"]).decode()
    return KeptQuestion(
        tenant=row["tenant"],
        question_id=row["question_id"],
        text=text,
        language=row["language"],
        band=row["band"],
        intents=tuple(row["intents"]),
        version=row["version"],
        month=row["month"],
        students=row["students"],
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        intent=row["intent"],
        unsure=tuple(each for each in unsure_in(text) if _word_key(vault, each) not in common),
    )


def _word_key(vault: Vault, word: str) -> str:
    return vault.hashed("question word", word)


def _same(text: str) -> str:
    """Return what texts share that differ in capitals, accents and marks alone."""
    return " ".join("".join(c if c.isalnum() else " " for c in folded(text)).split())
