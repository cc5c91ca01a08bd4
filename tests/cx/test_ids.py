"""Ids: the same as the standard library's, and for ever."""

from uuid import uuid5

import pytest

from cx.ids import NAMESPACE, id_of


@pytest.mark.parametrize("name", ["", "lan", "mai\ntier.upgraded\nsilver", "Đặng", *map(str, range(64))])
def test_an_id_is_that_of_a_uuid_of_version_5(name: str) -> None:
    assert id_of(name) == str(uuid5(NAMESPACE, name))
