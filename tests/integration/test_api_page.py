"""The examples of `docs/api.md` come out as the page says, in its order, with a worker and a gift desk."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cli.policy import load
from cx.rules import compile_policy
from serving.app import build
from streams.settings import CodeSettings
from tests.faults.gift_shop import KEYS, gift_shop
from tests.house.tree import ROOT
from tests.serving.api import calling, service

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

PAGE = ROOT / "docs" / "api.md"
CODES = CodeSettings.model_validate({"keys": KEYS["CX_CODES__KEYS"], "identity": ""})
PATIENCE_S = 60.0
_BLOCK = re.compile(r"```http\n(.*?)```\n```(json|problem)\n(.*?)```", re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
MEDIA = {"json": "application/json", "problem": "application/problem+json"}
ANY, MORE = "…", {"…"}


class Example(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: str
    media: str
    answer: Any


def examples() -> Iterator[Example]:
    for request, kind, answer in _BLOCK.findall(PAGE.read_text("utf-8")):
        head, _, body = request.partition("\n\n")
        first, *lines = head.strip().splitlines()
        method, _, path = first.partition(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        yield Example(method, path, headers, body.strip(), MEDIA[kind], json.loads(answer))


def differs(expected: Any, found: Any, names: dict[str, str], at: str = "") -> str:
    """Return where *found* is not as *expected*, or nothing; learn what stands for *names* in braces."""
    if expected == ANY or (isinstance(expected, str) and isinstance(found, str) and _both_times(expected, found)):
        return ""
    if isinstance(expected, str) and expected.startswith("{"):
        return "" if names.setdefault(expected, found) == found else at
    if isinstance(expected, dict) and isinstance(found, dict):
        if not (found.keys() >= expected.keys() - MORE and (ANY in expected or found.keys() <= expected.keys())):
            return f"{at}: {sorted(found)}"
        parts = ((name, expected[name], found[name]) for name in expected.keys() - MORE)
        return next((fault for n, a, b in parts if (fault := differs(a, b, names, f"{at}.{n}"))), "")
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return next((fault for n, (a, b) in pairs if (fault := differs(a, b, names, f"{at}.{n}"))), "")
    return "" if expected == found else f"{at}: {found}"


def _both_times(one: str, other: str) -> bool:
    return bool(_TIME.fullmatch(one) and _TIME.fullmatch(other))


async def fault_of(api: httpx.AsyncClient, example: Example, names: dict[str, str]) -> str:
    """Call as *example* has it, until the answer is as written: any call may be repeated, and some take their time.

    Returns nothing then, else what is different in the end.
    """
    path, now = example.path, datetime.now(UTC).isoformat()
    for name, value in names.items():
        path = path.replace(name, value)
    body, headers = _TIME.sub(now, example.body), {n: _TIME.sub(now, v) for n, v in example.headers.items()}
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        answer = await api.request(example.method, path, content=body, headers=headers)
        learnt = dict(names)
        fault = differs(example.answer, answer.json(), learnt)
        if not fault and answer.headers["content-type"] == example.media:
            names |= learnt
            return ""
        if asyncio.get_running_loop().time() > until:
            return f"{path} {answer.status_code} {fault}: {answer.text}"


@pytest.mark.timeout(240)
async def test_the_examples_come_out_as_written(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    found = re.search(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    policy.write_text(found[1], encoding="utf-8")
    names: dict[str, str] = {}
    async with gift_shop(tmp_path) as shop:
        await asyncio.gather(shop.ready(shop.desk()), shop.ready(shop.worker(policy)))
        shop.imports("shop", [("gift_id", "brand", "face_value"), ("tea", "Phuc Long", "50000")])
        shop.codes("shop", "tea", 1)
        rules = compile_policy(load(str(policy)))
        served = service(shop.settings.redis.url, shop.settings.kafka.bootstrap, rules, codes=CODES)
        async with calling(served) as api:
            for example in examples():
                assert await fault_of(api, example, names) == ""


def test_every_call_of_the_document_has_its_example() -> None:
    shown = {(one.method.lower(), _shape(one.path)) for one in examples()}
    calls = {(m, _shape(path)) for path, methods in build(service()).openapi()["paths"].items() for m in methods}

    assert {call for call in calls if call[1].startswith("/v1/")} - {("get", "/v1/stream")} == shown


def _shape(path: str) -> str:
    path = re.sub(r"\?.*", "", path)
    return re.sub(r"(?<=/customers/)[^/]+|\{[^}]*\}", "x", path)


@pytest.mark.parametrize(
    ("expected", "found", "differ"),
    [
        ({"a": 1, "…": "…"}, {"a": 1, "b": 2}, False),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1, "…": "…"}, {"b": 2}, True),
        ([1, "…"], [1, 2], False),
        ([1], [1, 2], True),
        ("2026-11-28T10:00:00Z", "2027-01-01T00:00:00.5Z", False),
        ("2026-11-28T10:00:00Z", "soon", True),
        ({"a": ["{x}", "{x}"]}, {"a": ["1", "1"]}, False),
        ({"a": ["{x}", "{x}"]}, {"a": ["1", "2"]}, True),
    ],
)
def test_what_is_not_as_written_is_seen(expected: Any, found: Any, differ: bool) -> None:  # noqa: FBT001
    assert bool(differs(expected, found, {}, "here")) is differ
