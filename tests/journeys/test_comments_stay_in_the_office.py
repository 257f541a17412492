"""What universities write to each other about a nomination never reaches the student."""

import html
import io
import zipfile
from collections.abc import Iterator

from databases import in_clear, until
from graphql import (
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from testbed import Bed, kept

from erasmus_app.api.schema import schema
from erasmus_app.cli.phones import Phone
from erasmus_app.notifications.catalogue import catalogue_folder
from erasmus_app.privacy.words import load_archive_words

SECRET = "Between the offices"


def everything(type_: GraphQLObjectType, inside: tuple[str, ...] = ()) -> str:
    """Select every field there is, each type once on a way down."""
    parts = []
    for name, field in type_.fields.items():
        if any(is_required_argument(each) for each in field.args.values()):
            continue  # it wants an id, and what it gives is reached by another field as well
        named = get_named_type(field.type)
        assert not isinstance(named, GraphQLUnionType)
        if is_leaf_type(named):
            parts.append(name)
        elif named.name == "Institution" and len(inside) > 3:
            parts.append(f"{name} {{ heiId name }}")  # whole it is asked for nearer to the root
        elif isinstance(named, GraphQLObjectType) and named.name not in inside:
            parts.append(f"{name} {everything(named, (*inside, named.name))}")
    return "{ " + " ".join(parts) + " }"


def pieces(root: GraphQLObjectType) -> Iterator[str]:
    """Select everything in several queries: one may be only so large."""
    for name, field in root.fields.items():
        named = get_named_type(field.type)
        if name != "me" and not any(is_required_argument(each) for each in field.args.values()):
            below = "" if is_leaf_type(named) else everything(named, (root.name, named.name))
            yield f"{{ {name} {below} }}"
    student = get_named_type(root.fields["me"].type)
    mobility = get_named_type(student.fields["mobilities"].type)
    for name, field in mobility.fields.items():
        alone = GraphQLObjectType(mobility.name, {name: field})
        inside = (root.name, student.name, mobility.name)
        yield f"{{ me {{ mobilities {everything(alone, inside)} }} }}"
    for name, field in student.fields.items():
        if name not in {"mobilities", "mobility"}:
            alone = GraphQLObjectType(student.name, {name: field})
            yield f"{{ me {everything(alone, (root.name, student.name))} }}"


async def test_no_answer_push_or_message_holds_a_nomination_s_comment(bed: Bed):
    phone = await bed.phone("ines")
    await bed.take(5)
    await bed.until_told(phone, "agreement_sent")
    await bed.take()
    await bed.until_told(phone, "agreement_sent_back")
    await bed.until_told(phone, "nomination_accepted")  # a poll of its own, which may come later
    stored = await in_clear(bed.app.database, "source_document.xml")
    assert SECRET in b"".join(stored).decode()  # the university did send one

    root = schema._schema.query_type
    assert root is not None
    said = ""
    for query in pieces(root):
        answer = await bed.http.post(
            f"{bed.address}/graphql",
            json={"query": query},
            headers={"authorization": f"Bearer {phone.token}"},
        )
        assert "errors" not in answer.json(), (query, answer.text)
        said += answer.text
    assert len(said) > 3000  # it is a whole record
    pushes = str([each.raw for each in await bed.pushes(phone, 1)])
    inbox = b"".join(await in_clear(bed.app.database, "inbox_entry.arguments")).decode()
    facts = b"".join(await in_clear(bed.app.database, "mobility.sealed")).decode()
    assert "ribeira.example" in inbox  # they are whole too
    assert '"family_name":"' in facts
    frames = await bed.app.database.fetchval("select string_agg(record::text, '') from mobility")
    assert "family_name" not in frames
    archive = await the_archive(bed, phone)
    documents = [archive.read(each) for each in archive.namelist() if each.startswith("sources/")]
    assert b"family-name" in b"".join(documents)
    for words in load_archive_words(catalogue_folder()).values():
        assert words.left_out["comments"].why  # it says what is missing, and whom to ask
    out = load_archive_words(catalogue_folder())["en"].left_out["comments"]
    assert out.what in html.unescape(archive.read("index.html").decode())
    whole = b"\n".join(archive.read(each) for each in archive.namelist()).decode()
    for what in (said, pushes, inbox, facts, frames, whole):
        assert SECRET not in what


async def the_archive(bed: Bed, phone: Phone) -> zipfile.ZipFile:
    """Fetch the student's archive."""
    wish = await bed.ask(phone, "mutation { requestExport { id } }")
    export = kept(wish["requestExport"]["id"], "Export")
    address = f"{bed.address}/privacy/exports/{export}"
    headers = {"authorization": f"Bearer {phone.token}"}

    async def ready() -> bool:
        return (await bed.http.get(address, headers=headers)).status_code == 200

    await until(ready)
    return zipfile.ZipFile(io.BytesIO((await bed.http.get(address, headers=headers)).content))
