"""Shapes compiled to closures that read elements.

Children are walked once and dispatched by their full names: an XPath or a `find` per field would
cost more than parsing does.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from ewp.messages.shapes import Again, Broken, Field, Kind, Need, Place, Shape
from ewp.messages.values import Value
from ewp.xml import Element

T = TypeVar("T")

Reader = Callable[[Element], Any]
"""Gives the value of an element; None for an empty one that counts as absent. Raises Broken."""


def reader(kind: Kind, namespace: str, *, kept: bool) -> Reader:
    """Compile a value or shape whose children are in `namespace`.

    With `kept`, an empty element is read like another one; else it counts as absent.
    """
    if isinstance(kind, Value):
        return _leaf(kind, kept=kept)
    if isinstance(kind, Again):
        return _again(kind, namespace, kept=kept)
    if any(field.place is Place.CONTENT for field in kind.fields):
        read = _text_with_attributes(kind, kept=kept)
    else:
        read = _struct(kind, namespace, kept=kept)
    return _leniently(read) if kind.lenient else read


def _again(kind: Again, namespace: str, *, kept: bool) -> Reader:
    compiled: list[Reader] = []

    def read(node: Element) -> object:
        if not compiled:
            compiled.append(reader(kind.shape(), namespace, kept=kept))
        return compiled[0](node)

    return read


def _leniently(read: Reader) -> Reader:
    def read_or_not(node: Element) -> object:
        try:
            return read(node)
        except Broken:
            return None

    return read_or_not


def _text(node: Element) -> str:
    """All text inside; the parser has already joined CDATA and what comments had parted."""
    if len(node):
        return "".join(map(str, node.itertext()))
    return node.text or ""


def _leaf(value: Value, *, kept: bool) -> Reader:
    if value.exact:
        return _text
    read, convert = value.read, _conversion(value)
    blank = "" if kept and read is None else None

    def read_string(node: Element) -> str | None:
        return _text(node).strip() or blank

    def read_value(node: Element) -> object:
        text = _text(node).strip()
        return convert(text) if text else None

    return read_string if read is None else read_value


def _conversion(value: Value) -> Callable[[str], Any]:
    read, rule, lenient = value.read, value.rule, value.lenient
    if read is None:
        return str

    def convert(text: str) -> object:
        try:
            return read(text)
        except (ValueError, OverflowError):
            if lenient:
                return None
            # Without its cause, which repeats the text.
            raise Broken(rule) from None

    return convert


def _attributes(shape: Shape[T]) -> Callable[[Element, dict[str, Any]], None]:
    known = [
        (field.name, (field.xml, *field.aliases), _conversion(field.kind), field.need, field.kept)
        for field in shape.fields
        if field.place is Place.ATTRIBUTE and isinstance(field.kind, Value)
    ]

    def read(node: Element, found: dict[str, Any]) -> None:
        for name, names, convert, need, kept in known:
            for xml in names:
                text = node.get(xml)
                if text is None or not ((text := text.strip()) or kept):
                    continue
                try:
                    value = convert(text)
                except Broken as broken:
                    raise broken.below(f"@{xml}") from None
                if value is not None:
                    found[name] = value
                break
            else:
                if need is Need.ALWAYS:
                    raise Broken("is missing", f"@{names[0]}")

    return read


def _text_with_attributes(shape: Shape[T], *, kept: bool) -> Callable[[Element], T | None]:
    [field] = (field for field in shape.fields if field.place is Place.CONTENT)
    if not isinstance(field.kind, Value):
        raise TypeError(f"{field.name}: text is a value")
    name, struct = field.name, shape.struct
    read_content, read_attributes = _leaf(field.kind, kept=kept), _attributes(shape)

    def read(node: Element) -> T | None:
        value = read_content(node)
        if value is None:
            return None
        found = {name: value}
        read_attributes(node, found)
        return struct(**found)

    return read


def _struct(shape: Shape[T], namespace: str, *, kept: bool) -> Callable[[Element], T | None]:
    children = {
        f"{{{field.namespace or namespace}}}{field.xml}": (
            field.name,
            field.xml,
            _child(field, namespace),
            field.many,
            field.place is Place.WITHIN,
            field.need is Need.ALWAYS,
        )
        for field in shape.fields
        if field.place is not Place.ATTRIBUTE
    }
    read_attributes = _attributes(shape)
    has_attributes = any(field.place is Place.ATTRIBUTE for field in shape.fields)
    finish = _finish(shape)

    def read(node: Element) -> T | None:
        found: dict[str, Any] = {}
        for child in node:
            step = children.get(child.tag)
            if step is None:
                continue  # a newer minor version's, or an extension
            name, xml, read_child, many, several, always = step
            try:
                value = read_child(child)
            except Broken as broken:
                raise broken.below(xml) from None
            if value is None:
                continue
            if many:
                found.setdefault(name, []).extend(value if several else (value,))
            elif name not in found:
                found[name] = value
            elif always:
                raise Broken("is there twice", xml)
        if has_attributes:
            read_attributes(node, found)
        return finish(found) if found or kept else None

    return read


def _finish(shape: Shape[T]) -> Callable[[dict[str, Any]], T]:
    """Make the struct from what was found, or say what is missing."""
    struct, check = shape.struct, shape.check_read
    lists = tuple({field.name for field in shape.fields if field.many})
    required: dict[str, str] = {}
    for field in shape.fields:
        if field.need is Need.ALWAYS and field.place is not Place.ATTRIBUTE:
            before = f"{required[field.name]} or " if field.name in required else ""
            required[field.name] = before + field.xml

    def finish(found: dict[str, Any]) -> T:
        for name, xml in required.items():
            if name not in found:
                raise Broken("is missing", xml)
        for name in lists:
            if name in found:
                found[name] = tuple(found[name])
        value = struct(**found)
        if check is not None:
            _check(check, value)
        return value

    return finish


def _check(check: Callable[[T], None], value: T) -> None:
    try:
        check(value)
    except ValueError as error:
        raise Broken(str(error)) from None


def _child(field: Field, namespace: str) -> Reader:
    inner = field.inner or field.namespace or namespace
    if field.kind is None:
        return lambda _: True
    if field.place is Place.LIST:
        return _list(field, inner, reader(field.kind, inner, kept=True))
    if field.place is Place.WITHIN:
        return _within(field, _list(field, inner, reader(field.kind, inner, kept=True)))
    return reader(field.kind, inner, kept=field.kept)


def _within(field: Field, read_list: Reader) -> Reader:
    """Where many are told apart by pairs, a partner's several in one wrapper are many as well."""
    if field.many:
        return read_list

    def read(node: Element) -> object:
        items = read_list(node)
        if items and len(items) > 1:
            raise Broken("is there twice", field.item)
        return items and items[0]

    return read


def _list(field: Field, namespace: str, read_item: Reader) -> Reader:
    tag = f"{{{namespace}}}{field.item}"

    def read(node: Element) -> tuple[Any, ...] | None:
        try:
            items = (read_item(child) for child in node if child.tag == tag)
            return tuple(item for item in items if item is not None) or None
        except Broken as broken:
            raise broken.below(field.item) from None

    return read
