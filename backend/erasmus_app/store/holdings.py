"""Every table by what becomes of its rows when a student is forgotten.

A table that stands in neither is found by a test.
"""

from typing import NamedTuple


class Holding(NamedTuple):
    """A table that holds a student's rows, and which these are.

    `$1` are accounts, `$2` and `$3` the tenants and ids of persons, side by side.
    """

    table: str
    rows: str


_MOBILITIES = """(select tenant, sending_hei_id, omobility_id, mobility_id from mobility
    where (tenant, person_id) in (select * from unnest($2::text[], $3::uuid[])))"""
_OBJECTS = f"""(tenant, sending_hei_id, object_id) in (
    select tenant, sending_hei_id, omobility_id from {_MOBILITIES} as m)"""  # noqa: S608 - constants
_PERSONS = "(tenant, person_id) in (select * from unnest($2::text[], $3::uuid[]))"
_ACCOUNTS = "account_id = any($1::uuid[])"
_SESSIONS = f"session_id in (select session_id from session where {_ACCOUNTS})"  # noqa: S608 - a constant

ERASED = (
    # Rows that others refer to come behind those: each is counted before a cascade takes it.
    Holding(
        "job",
        f"""payload ->> 'delivery_id' in (
                select delivery_id::text from delivery where {_ACCOUNTS})
            or payload ->> 'webhook_id' in (
                select webhook_id::text from webhook_delivery
                where mobility_id in (select mobility_id from {_MOBILITIES} as m))
            or payload ->> 'claim_id' in (
                select claim_id::text from mobility_claim where {_ACCOUNTS})
            or payload ->> 'address_id' in (
                select address_id::text from mail_address where {_ACCOUNTS})
            or payload ->> 'message_key' in (
                select message_key from chat_message join chat_link using (sender_key)
                where {_ACCOUNTS})
            or payload ->> 'account_id' = any($1::uuid[]::text[])
            or (payload ->> 'tenant', payload ->> 'sending_hei_id', payload ->> 'omobility_id') in (
                select tenant, sending_hei_id, omobility_id from {_MOBILITIES} as m)""",  # noqa: S608 - constants
    ),
    Holding("delivery", _ACCOUNTS),
    Holding("mail_delivery", _ACCOUNTS),
    Holding("mail_address", _ACCOUNTS),
    Holding("inbox_entry", _ACCOUNTS),
    Holding("device", _ACCOUNTS),
    Holding("spent_refresh", _SESSIONS),
    Holding("session", _ACCOUNTS),
    Holding("export_part", _ACCOUNTS),
    Holding("export", _ACCOUNTS),
    Holding("notice_seen", _ACCOUNTS),
    Holding("calendar_feed", _ACCOUNTS),
    Holding("calendar_entry", _ACCOUNTS),
    Holding(  # before its links, by which it is known whose they are
        "chat_message",
        f"sender_key in (select sender_key from chat_link where {_ACCOUNTS})",  # noqa: S608 - a constant
    ),
    Holding("chat_link", _ACCOUNTS),
    Holding("chat_link_code", _ACCOUNTS),
    Holding("event", _PERSONS),
    Holding("recent_fetch", _OBJECTS),
    Holding("source_document", _OBJECTS),
    Holding(
        "webhook_delivery",
        f"mobility_id in (select mobility_id from {_MOBILITIES} as m)",  # noqa: S608 - constants
    ),
    Holding("mobility", _PERSONS),
    Holding("person_esi", _PERSONS),
    Holding("account_person", f"{_ACCOUNTS} or {_PERSONS}"),
    Holding("person", _PERSONS),
    Holding(
        "account_link", "kept_account_id = any($1::uuid[]) or joined_account_id = any($1::uuid[])"
    ),
    Holding("mobility_claim", _ACCOUNTS),
    Holding("identity_esi", _ACCOUNTS),
    Holding("account_esi", _ACCOUNTS),
    Holding("account_identity", _ACCOUNTS),
    Holding("screen", _ACCOUNTS),
    Holding("preference", _ACCOUNTS),
    Holding("account", _ACCOUNTS),
)

KEPT = {  # and told in the certificate
    "own_object": "the university's own data, which we serve for it; it decides about them",
    "own_decision": "what partners decided about the university's data; it decides about them",
    "deadline_rule": "the university's rules; that this account set some of them is forgotten",
    "access_log": "who read what, for as long as is set; it says of whom by internal ids alone",
    "consent": "what was agreed to, withdrawn now, for three years; it names nobody",
    "unanswered_question": "questions to the chat, without a name, that others have asked in the "
    "same words; that this account did is forgotten, and so is what nobody else has asked",
    "erasure": "the proof that this was done; it names nobody",
    "forgotten": "keyed hashes, for thirty days, so that nothing comes back by itself",
}

NOBODYS = frozenset(
    {
        "alembic_version",
        "schema_reach",
        "data_key",
        "factsheet",
        "partner_health",
        "agreement_copy",  # between universities; of contacts offices alone
        "agreement_state",
        "operator_log",  # what operators did by command, and who they were
        "institution",  # offices; persons whom an HEI names are not kept
        "poll_state",
        "quarantine",  # fingerprints of answers, and which object they were about
        "refusal",
        "webhook_disabled",  # endpoints of universities
        "retained",  # counts by class of data
    }
)
"""Tables without a student."""
