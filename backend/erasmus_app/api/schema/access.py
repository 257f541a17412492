"""Rules of access beside each type and field, and the checks that they become.

A type says who may have its objects, a field with a resolver says who may call it:

    @access.rule(OWNER | COORDINATOR)
    @strawberry.type(description="...")
    class Certificate:
        whose: strawberry.Private[Whose]  # of its row, not of who asked for it
        issued_at: datetime = strawberry.field(description="...")  # as the type says

        @access.field(OWNER, description="...")
        async def download_url(self, info: Info) -> str: ...

Each object is checked once, when it is about to be answered: before any of its fields is resolved,
whichever way it came. So a resolver that finds another student's object ends in a refusal. What is
made of an object's own content is a PART of it and is not checked again. A schema with a field
that has no rule cannot be made.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_named_type,
)
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from erasmus_app.api.access import (
    ADMINISTRATOR,
    COORDINATOR,
    OWNER,
    PART,
    PUBLIC,
    SIGNED_IN,
    Asker,
    Rule,
    Whose,
    admits,
    may_act,
    refused,
)

__all__ = [
    "ADMINISTRATOR",
    "COORDINATOR",
    "OWNER",
    "PART",
    "PUBLIC",
    "SIGNED_IN",
    "AccessUndeclared",
    "Rule",
    "Whose",
    "enforced",
    "field",
    "mutation",
    "rule",
    "subscription",
]

T = TypeVar("T")
Resolver = Callable[..., Any]

ACCESS, BRIEF, ONCE, WAITS = "access", "brief", "once", "waits"
DEFINITION = "strawberry-definition"
OBJECTS = "__access__"
_WHOSE = OWNER | COORDINATOR
INPUTS = frozenset({"Boolean", "Date", "DateTime", "Decimal", "Float", "ID", "Int", "String"})
"""The scalars that may be given: none of them holds fields that nobody has declared."""


class AccessUndeclared(TypeError):
    """A schema that says not of every field who may have it; names each, and what to write."""


class Access(NamedTuple):
    """The rules of a schema."""

    objects: Mapping[str, Rule]  # by type
    fields: Mapping[str, Rule]  # by `Type.field`


def rule(who: Rule) -> Callable[[type[T]], type[T]]:
    """Say who may have the objects of a type, and those of its fields that have no resolver.

    With OWNER or COORDINATOR in it, the type has an attribute `whose`.
    """

    def declared(cls: type[T]) -> type[T]:
        if who & PART and who != PART:
            raise AccessUndeclared(f"{cls.__name__}: PART stands alone: its parent is checked")
        if who & _WHOSE and not _has_whose(cls):
            raise AccessUndeclared(
                f"{cls.__name__}: {who.words} needs to know whose an object is; write "
                "`whose: strawberry.Private[Whose]`, and fill it from the object's row"
            )
        setattr(cls, OBJECTS, who)
        return cls

    return declared


def _has_whose(cls: type) -> bool:
    return hasattr(cls, "whose") or "whose" in cls.__annotations__


def field(
    who: Rule, *, waits: bool = False, brief: bool = False, once: bool = False, **given: Any
) -> Any:
    """Declare a field with its rule; all else as `strawberry.field`.

    `waits` is for a resolver that is no `async def`, but may have to wait for the database;
    `brief` for one that is content with a mobility's `Brief`, so that its record is not read;
    `once` for one that a document may have once, as it takes much of a core.
    """
    known = {ACCESS: who, WAITS: waits, BRIEF: brief, ONCE: once}
    return strawberry.field(metadata=known, **given)


def mutation(who: Rule, **given: Any) -> Any:
    """Declare a mutation with its rule; all else as `strawberry.mutation`."""
    return strawberry.mutation(metadata={ACCESS: who}, **given)


def subscription(who: Rule, **given: Any) -> Any:
    """Declare a subscription with its rule; all else as `strawberry.subscription`."""
    return strawberry.subscription(metadata={ACCESS: who}, **given)


def enforced(schema: GraphQLSchema) -> Access:
    """Put the checks into a schema and return its rules.

    Raises:
        AccessUndeclared: some field has no rule, or one that cannot be kept.
    """
    roots = {each for each in _roots(schema) if each}
    objects: dict[str, Rule] = {}
    fields: dict[str, Rule] = {}
    wrong: list[str] = []
    for name, kind in sorted(schema.type_map.items()):
        if name.startswith("__"):
            continue
        if isinstance(kind, GraphQLInputObjectType):
            wrong += _open_inputs(name, kind.fields)
        if not isinstance(kind, GraphQLObjectType):
            continue
        cls = _written(kind)
        all_of_it: Rule | None = None if kind in roots else vars(cls).get(OBJECTS)
        if kind not in roots and all_of_it is None:
            wrong.append(
                f"{name}: says not who may have it; write `@access.rule(OWNER)` (or another rule, "
                "PART for what is made of its parent's content) above its `@strawberry.type`"
            )
            continue
        if all_of_it is not None:
            objects[name] = all_of_it
            _check_objects(kind, cls, all_of_it)
        for each, found in kind.fields.items():
            where = f"{name}.{each}"
            wrong += _open_inputs(where, found.args)
            own = _declared(found, all_of_it)
            if (trouble := _trouble(own, all_of_it, cls)) is not None:
                wrong.append(f"{where}: {trouble}")
            elif own is not None:
                fields[where] = own
                if own != all_of_it:
                    _check_calls(found, where, own, all_of_it)
    if wrong:
        raise AccessUndeclared("\n".join(wrong))
    return Access(objects, fields)


def _written(kind: GraphQLObjectType) -> type:
    """Return the class as it is written; of one made of a generic class, that one."""
    definition: StrawberryObjectDefinition = kind.extensions[DEFINITION]
    return (definition.concrete_of or definition).origin


def _roots(schema: GraphQLSchema) -> tuple[GraphQLObjectType | None, ...]:
    return schema.query_type, schema.mutation_type, schema.subscription_type


def _declared(found: GraphQLField, all_of_it: Rule | None) -> Rule | None:
    """Return a field's rule: its own, else the type's where it only hands an attribute out."""
    definition: StrawberryField = found.extensions[DEFINITION]
    own: Rule | None = definition.metadata.get(ACCESS)
    return all_of_it if own is None and definition.base_resolver is None else own


def _trouble(own: Rule | None, all_of_it: Rule | None, cls: type) -> str | None:
    """Return what is wrong with a field's rule; None where nothing is."""
    if own is None:
        return (
            "has no rule of access; write `@access.field(OWNER, description=...)` (or "
            "`access.mutation`; SIGNED_IN, COORDINATOR, ADMINISTRATOR, PUBLIC, or several joined "
            "by `|`) instead of `@strawberry.field(...)`"
        )
    if all_of_it is None:
        return "PART is for the fields of objects; a root has none" if own & PART else None
    if not _is_within(own, all_of_it):
        return f"{own.words} is wider than its type's {all_of_it.words}, and would not be kept"
    if own & _WHOSE and not _has_whose(cls):
        return f"{own.words} needs to know whose an object is; give its type `whose`"
    return None


def _is_within(own: Rule, all_of_it: Rule) -> bool:
    """Whether a rule lets nobody in whom its type's keeps out."""
    if all_of_it & PUBLIC:
        return not own & PART
    if all_of_it & SIGNED_IN:
        return not own & (PART | PUBLIC)
    return not own & ~all_of_it


def _open_inputs(where: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with arguments: each is a type that says what may be in it."""
    for name, each in given.items():
        kind = get_named_type(each.type)
        if not isinstance(kind, GraphQLInputObjectType | GraphQLEnumType) and (
            kind.name not in INPUTS
        ):
            yield f"{where}({name}:): {kind.name} takes in anything; declare a type for it"


def _check_objects(kind: GraphQLObjectType, cls: type, who: Rule) -> None:
    """Have each object checked before any of its fields is resolved."""
    if who & (PUBLIC | SIGNED_IN | PART):
        return
    before, name, owners = kind.is_type_of, kind.name, bool(who & OWNER)
    is_itself = vars(cls).get("__strawberry_definition__") is kind.extensions[DEFINITION]

    def check(value: Any, info: GraphQLResolveInfo[Any]) -> bool | Awaitable[bool]:
        known = value.__class__ is cls and is_itself  # of which Strawberry says so as well
        if not known and before is not None and not before(value, info):
            return False
        if not isinstance(value, cls):  # what it is not, it cannot say whose it is
            raise refused(name, who, info.context)
        whose: Whose = getattr(value, "whose", _NOBODYS)
        if owners and whose.account_id == info.context.session.account_id:
            return True  # as `admits` says; nearly every object is its owner's, and flags are slow
        return _passed(name, who, whose, info.context)

    kind.is_type_of = check


_NOBODYS = Whose(None)


def _passed(name: str, who: Rule, whose: Whose, asker: Asker) -> bool | Awaitable[bool]:
    """Return True. Raises Forbidden, at once or when awaited."""
    found = admits(who, whose, asker)
    if found is True:
        return True
    if found is False:
        raise refused(name, who, asker)
    return _passed_later(name, who, found, asker)


async def _passed_later(name: str, who: Rule, found: Awaitable[bool], asker: Asker) -> bool:
    if not await found:
        raise refused(name, who, asker)
    return True


def _check_calls(found: GraphQLField, where: str, who: Rule, all_of_it: Rule | None) -> None:
    """Have a field checked before its resolver is called, where the type's rule says less."""
    resolve = found.subscribe or found.resolve
    assert resolve is not None  # Strawberry gives every field one

    def of_object(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        passed = _passed(where, who, getattr(source, "whose", _NOBODYS), info.context)
        if passed is True:
            return resolve(source, info, **given)
        return _then(passed, lambda: resolve(source, info, **given))

    def of_root(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        passed = _passed_later(where, who, may_act(who, info.context), info.context)
        return _then(passed, lambda: resolve(source, info, **given))

    if all_of_it is not None:
        found.resolve = of_object
    elif who & (PUBLIC | SIGNED_IN | OWNER):  # what anybody's session may call
        return
    elif found.subscribe is not None:
        found.subscribe = of_root
    else:
        found.resolve = of_root


async def _then(passed: Any, resolve: Callable[[], Any]) -> Any:
    await passed
    result = resolve()
    return await result if hasattr(result, "__await__") else result
