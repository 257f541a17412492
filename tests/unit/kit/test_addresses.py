"""Telling addresses of the open internet from those of our own network, in every disguise."""

from ipaddress import ip_address

import pytest

from erasmus_app.kit.addresses import AddressRefused, checked_addresses, is_public

INSIDE = [
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1"),
    *("::ffff:10.0.0.1", "2002:a00:1::", "64:ff9b:1::1", "64:ff9b::a00:1", "192.0.2.1"),
    *("::10.0.0.1", "fec0::1", "2001:0:53aa:64c::a00:1", "240.0.0.1", "198.18.0.1", "4000::1"),
]


def test_addresses_inside_are_told_from_public_ones():
    assert [each for each in INSIDE if is_public(ip_address(each))] == []
    assert all(
        is_public(ip_address(each))
        for each in ("93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e")
    )


async def test_a_name_is_refused_where_any_of_its_addresses_is_inside():
    asked = []

    def allowed(address: object) -> bool:
        asked.append(str(address))
        return False

    with pytest.raises(AddressRefused, match="address_inside"):
        await checked_addresses("localhost", 443, allowed)
    assert set(asked) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("name", ["no-such-name.invalid", "x" * 300, "a..b", "\udcff.example"])
async def test_a_name_that_there_is_not_is_refused(name: str):
    with pytest.raises(AddressRefused, match="name_unknown"):
        await checked_addresses(name, 443, is_public)


async def test_what_is_returned_is_an_address_and_no_name():
    assert await checked_addresses("127.0.0.1", 443, lambda _: True) == ["127.0.0.1"]
    assert await checked_addresses("2130706433", 443, lambda _: True) == ["127.0.0.1"]
