"""Agreements (§7.5): who stands first, and whether the hash is that of what is served (§4.11)."""

import hashlib
from functools import partial

from lxml import etree
from validator.reading import _known
from validator.results import Step, failure, notice, worst

CONTACTS = {"sending-contact", "receiving-contact"}
YEARS = ("receiving-first-academic-year-id", "receiving-last-academic-year-id")
YES = {"true", "1"}


def agreement_steps(entry):
    if entry.api != "iias" or "get-url" not in entry.urls:
        return
    checks = [_answering_hei_is_first]
    if entry.major >= 7:
        checks.append(_hash_is_right)
    for check in checks:
        name = check.__name__.strip("_").replace("_", "-")
        yield Step(f"{entry.name}/get/GET/{name}", partial(check, key=entry.key))


async def _agreement(site, key):
    """The judgement, and the known agreement, alone in its answer."""
    form = [("hei_id", site.hei_id)] if key[1] < 7 else []
    form.append(("iia_id", _known(site, key)))
    answer = await site.call(site.manifest.entry(key).urls["get-url"], form)
    return site.judge(answer, 200), answer.root.find("{*}iia")


async def _answering_hei_is_first(site, key):
    if _known(site, key) is None:
        return notice("no object is known: not looked at")
    result, iia = await _agreement(site, key)
    first = None if iia is None else iia.findtext("{*}partner/{*}hei-id")
    if first != site.hei_id:
        return worst(result, failure("the first partner is not the HEI that answers"))
    return result


async def _hash_is_right(site, key):
    if _known(site, key) is None:
        return notice("no object is known: not looked at")
    result, iia = await _agreement(site, key)
    if iia is None or iia.findtext("{*}iia-hash") != hash_of(iia):
        return worst(result, failure("iia-hash is not that of the agreement as served"))
    return result


def hash_of(iia):
    """The hash of an agreement of version 7, as it came and alone in its answer."""
    conditions = iia.find("{*}cooperation-conditions")
    text = "_@terminated-as-a-whole@_" if conditions.get("terminated-as-a-whole") in YES else ""
    for number, partner in enumerate(iia.findall("{*}partner"), 1):
        text += f"_iia-id_{number}={_text(partner.find('{*}iia-id'))}_"
    for spec in conditions.iterchildren("*"):
        text += "".join(_said(each) for each in spec.iterdescendants("*") if _counts(each))
        text += "".join(f"_{name}={_text(spec.find(f'{{*}}{name}'))}_" for name in YEARS)
    return hashlib.sha256(text.encode()).hexdigest()


def _counts(element):
    lineage = [element, *element.iterancestors("*")]
    return (
        _name(element) not in YEARS
        and not CONTACTS & set(map(_name, lineage[1:]))
        and not any(each.get("not-yet-defined") in YES for each in lineage)
    )


def _said(element):
    """What an element adds: its attributes, and its text where nothing is in it."""
    parent = element.getparent()
    path = ".".join(map(_name, (parent.getparent(), parent, element)))
    said = "".join(
        f"_@{path}.{etree.QName(name).localname}={value}@_"
        for name, value in element.attrib.items()
        if etree.QName(name).localname not in {"not-yet-defined", "v6-value"}
    )
    if next(element.iterchildren("*"), None) is None:
        is_field = _name(element) == "isced-f-code"
        said += f"_{path}={(is_field and element.get('v6-value')) or _text(element)}_"
    return said


def _name(element):
    return etree.QName(element).localname


def _text(element):
    return "" if element is None else "".join(map(str, element.itertext()))
