"""The demo's stockroom: whatever policy is shown, its gifts come from a desk that has some of each, and not enough."""

from __future__ import annotations

from base64 import b64encode
from io import StringIO

import pytest

from cli.gift_rows import GiftRows
from cli.sheet import BadRowError
from cli.stockroom import Stockroom, as_yaml, gifts_of, with_desk
from cx.rules import compile_policy
from ops.codes import Locker
from schemas.policy_file import parse_policy
from streams.settings import PRESETS, CodeSettings, presets

KEY = b64encode(bytes(32)).decode()
LOCKER = Locker(CodeSettings.model_validate({"keys": f"k:{KEY}", "identity": KEY}))


@pytest.mark.parametrize("name", presets())
def test_a_policy_with_its_gifts_from_the_desk_is_a_policy_as_well(name: str) -> None:
    policy = with_desk(parse_policy((PRESETS / f"{name}.yaml").read_text("utf-8")))

    assert parse_policy(as_yaml(policy)) == policy
    assert policy.gifts_from == "desk"
    assert with_desk(policy) is policy
    for rule in policy.rewards:
        assert rule.wait_days
        assert len({gift.id for gift in rule.gifts} | set(rule.fallbacks)) == len(rule.gifts) + len(rule.fallbacks)


@pytest.mark.parametrize("name", ["cafe-visits", "retail-vn"])
def test_gifts_budgets_and_codes_are_what_an_import_takes_and_no_code_comes_twice(name: str) -> None:
    policy = with_desk(parse_policy((PRESETS / f"{name}.yaml").read_text("utf-8")))
    stock = Stockroom(policy, customers=100, seed=1)
    sheets = [stock.catalogue(), stock.budgets(), stock.delivery(), stock.delivery()]
    rows = [list(GiftRows(StringIO(sheet), 10**15, compile_policy(policy), LOCKER)) for sheet in sheets]

    assert not [row for sheet in rows for row in sheet if isinstance(row, BadRowError)]
    assert len(rows[0]) == len(gifts_of(policy)) > 0
    assert len(rows[1]) == 2
    codes = [line.split(",")[1] for sheet in sheets[2:] for line in sheet.splitlines()[1:]]
    assert len(codes) == len(set(codes)) == len(rows[2]) + len(rows[3])
    assert Stockroom(policy, customers=100, seed=1).delivery() == sheets[2]
