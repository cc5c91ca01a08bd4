"""`cx replay` as a person types it: what goes in, what comes out, and what is refused in one line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from cx.state import canonical
from schemas.outputs import TOPIC_OF
from schemas.outputs import read as output
from tests.commands import Said, typed
from tests.cx.test_replay import LIFE
from tests.events import buys, event, file_of, read, redeems, ticks, written
from tests.house.tree import ROOT
from tests.spec import at

if TYPE_CHECKING:
    from collections.abc import Callable

    Cx = Callable[..., "Said"]

MARCH = at("2026-03-01T10:00")
DAY = 86_400_000_000
POLICY = """\
programme: test
currency: VND
points: {rates: [{per: 10}]}
exchange_rates: {USD: {units: 1, worth: 250}}
tiers:
  ladder:
    - {name: member}
    - {name: silver, enter: {spend: 1000}}
"""
SEEN = {"customer_id", "tier", "tier_since", "cx_level", "dimensions", "points", "progress", "rewards"}


@pytest.fixture
def cx(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Cx:
    """What runs `cx` in an empty folder that holds a policy, `p.yaml`."""
    monkeypatch.setenv("CX_CONFIG", os.devnull)
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(POLICY, "utf-8")

    def run(*arguments: str) -> Said:
        return typed(monkeypatch, capfd, *arguments)

    return run


def states(cx: Cx, *arguments: str) -> list[dict[str, Any]]:
    """Return the states that a replay writes."""
    said = cx("replay", "--policy", "p.yaml", "--states", "s", *arguments)
    assert (said.returncode, said.stderr) == (0, "")
    return read(Path("s"))


def letters(cx: Cx, *arguments: str) -> list[dict[str, Any]]:
    said = cx("replay", "--policy", "p.yaml", "--dead-letters", "d", *arguments)
    assert (said.returncode, said.stderr) == (0, "")
    return read(Path("d"))


# What comes out


def test_states_are_one_a_line_sorted_and_canonical(cx: Cx) -> None:
    file_of(Path("e"), buys(MARCH, of="thu"), buys(MARCH, of="Đào"), buys(MARCH, 5, of="an"))
    found = states(cx, "e")

    assert [state["customer_id"] for state in found] == ["an", "thu", "Đào"]
    assert [state["tier"] for state in found] == ["member", "silver", "silver"]
    assert found[0].keys() >= SEEN
    assert found[0]["points"].keys() >= {"balance", "pending", "earned", "spent", "expired", "reversed"}
    assert Path("s").read_bytes() == b"".join(canonical(state) + b"\n" for state in found)


def test_outputs_are_cloudevents_by_customer(cx: Cx) -> None:
    file_of(Path("e"), buys(MARCH, of="mai"), buys(MARCH + 1, of="lan"))
    cx("replay", "--policy", "p.yaml", "e", "--outputs", "o")

    found = read(Path("o"))
    assert [(one["subject"], one["type"]) for one in found] == [
        ("lan", "tier.upgraded"),
        ("lan", "points.earned"),
        ("mai", "tier.upgraded"),
        ("mai", "points.earned"),
    ]
    for one in found:
        output(TOPIC_OF[one["type"]], json.dumps(one).encode())


def test_the_summary_counts_what_there_was(cx: Cx) -> None:
    lines = written([buys(MARCH), buys(MARCH), buys(MARCH, 5, "o2", of="mai"), ticks(MARCH + DAY)])
    Path("e").write_bytes(lines + b"\n{}\n")

    assert cx("replay", "--policy", "p.yaml", "e").stdout == (
        "5 lines: 2 events of 2 customers, 1 duplicate, 1 dead letter, 1 tick\n"
        "outputs: 1 points.earned, 1 tier.upgraded\n"
        "dead letters: 1 invalid\n"
        "programme test, the clock at 2026-03-02 10:00:00 +07\n"
    )


def test_a_dash_is_standard_output_and_then_the_summary_goes_elsewhere(cx: Cx) -> None:
    file_of(Path("e"), buys(MARCH))
    said = cx("replay", "--policy", "p.yaml", "e", "--states", "-")

    assert json.loads(said.stdout)["customer_id"] == "lan"
    assert said.stderr.startswith("1 line: 1 event of 1 customer, 0 duplicates,")


def test_whose_every_event_was_refused_has_no_state(cx: Cx) -> None:
    file_of(Path("e"), buys(MARCH, currency="EUR"), event("purchase.refunded", MARCH, order_id="none", of="mai"))
    assert [state["customer_id"] for state in states(cx, "e")] == ["mai"], "a refund may still find its order"
    assert states(cx, "e", "--until", "2026-03-31T10:00:00+07:00") == []


def test_an_empty_file_is_no_fault(cx: Cx) -> None:
    Path("e").write_bytes(b"")
    said = cx("replay", "--policy", "p.yaml", "e", "--states", "s")

    assert (said.returncode, Path("s").read_bytes()) == (0, b"")


# What goes in


def test_files_differ_in_how_they_are_written(cx: Cx) -> None:
    lines = written([buys(MARCH, 500), buys(MARCH + 1, 500, "o2")])
    for text in (lines, b"\xef\xbb\xbf" + lines, lines.replace(b"\n", b"\r\n"), lines.rstrip(), b"\n \n" + lines):
        Path("e").write_bytes(text)
        assert [state["tier"] for state in states(cx, "e", "e")] == ["silver"]
    Path("e").write_bytes(b"\xef\xbb\xbf")
    assert states(cx, "e") == []


def test_what_is_no_text_is_refused_line_by_line(cx: Cx) -> None:
    Path("e").write_bytes(bytes(range(256)) + b"\n" + written([buys(MARCH)]).decode().encode("utf-16"))
    found = letters(cx, "e")

    assert {one["reason"] for one in found} == {"not-json"}
    assert [one["line"] for one in found] == [1, 2, 3, 4]


def test_files_are_read_in_the_given_order_and_a_dash_is_standard_input(
    cx: Cx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file_of(Path("late"), ticks(MARCH + 40 * DAY))
    late = file_of(tmp_path / "e", buys(MARCH, 1_000))
    assert [state["tier"] for state in states(cx, "e", "late")] == ["silver"]
    assert states(cx, "late", "e") == []
    with Path(late).open(encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert [state["tier"] for state in states(cx, "-", "late")] == ["silver"]


def test_a_file_that_flows_by_is_read_as_well(cx: Cx) -> None:
    os.mkfifo("flow")
    writer = Thread(target=Path("flow").write_bytes, args=[written([buys(MARCH)])])
    writer.start()
    assert [state["tier"] for state in states(cx, "flow")] == ["silver"]
    writer.join()


def test_the_record_timestamp_is_recordedtime_else_time(cx: Cx) -> None:
    late = buys(MARCH, order="o1") | {"recordedtime": "2026-04-01T10:00:00+07:00"}
    early = buys(MARCH, order="o2") | {"recordedtime": "2026-03-01T09:49:59+07:00"}
    file_of(Path("e"), late, early, buys(MARCH, order="o3"))

    assert [(one["reason"], one["line"]) for one in letters(cx, "e")] == [("too-late", 1), ("future", 2)]


@pytest.mark.parametrize(
    ("arguments", "as_of"),
    [
        ((), "2026-03-02T03:00:00Z"),
        (("--until", "2026-03-05T00:00:00+07:00"), "2026-03-04T17:00:00Z"),
        (("--until", "2026-03-05t00:00:00z"), "2026-03-05T00:00:00Z"),
        (("--until", "2026-02-01T00:00:00Z"), "2026-03-02T03:00:00Z"),
    ],
)
def test_the_clock_comes_to_the_newest_time_that_is_taken_or_to_until(
    cx: Cx, arguments: tuple[str, ...], as_of: str
) -> None:
    future = buys(MARCH + 9 * DAY, order="o9") | {"recordedtime": "2026-03-02T10:00:00+07:00"}
    tick = ticks(MARCH + 9 * DAY) | {"recordedtime": "2026-03-02T10:00:00+07:00"}
    naive = buys(MARCH, order="o3") | {"time": "2026-03-09T10:00:00"}
    file_of(Path("e"), buys(MARCH + DAY), buys(MARCH, order="o2"), future, tick, naive)

    assert [state["as_of"] for state in states(cx, "e", *arguments)] == [as_of]
    assert [one["reason"] for one in letters(cx, "e", *arguments)] == ["future", "future", "naive-time"]


@pytest.mark.parametrize(
    "refused",
    [
        buys(MARCH, order="o9", currency="EUR"),
        buys(MARCH, order="o9") | {"type": "customer.merged"},
        buys(MARCH, order="o9") | {"data": {}},
        buys(MARCH, 7),
    ],
    ids=["currency", "not yet supported", "invalid", "conflicting id"],
)
@pytest.mark.parametrize("time", ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_a_refused_line_does_not_move_the_clock(cx: Cx, refused: dict[str, Any], time: str) -> None:
    file_of(Path("e"), buys(MARCH), buys(MARCH + DAY, of="mai"), refused | {"time": time}, {"subject": "bo"})

    assert [state["as_of"] for state in states(cx, "e")] == ["2026-03-02T03:00:00Z"] * 2
    assert len(letters(cx, "e")) == 2


def test_the_clock_never_goes_back_behind_a_tick(cx: Cx) -> None:
    file_of(Path("e"), buys(MARCH), ticks(MARCH + 3 * DAY) | {"subject": "partition-7"})

    [state] = states(cx, "e", "--until", "2026-03-02T00:00:00Z")
    assert state["as_of"] == "2026-03-04T03:00:00Z"


def test_events_of_other_sources_stores_and_currencies_count(cx: Cx) -> None:
    other = buys(MARCH, 4, "A-1/7", currency="USD", store="Phố Huế", channel="store")
    file_of(Path("e"), other | {"source": "urn:pos:17", "id": "Ω-1"})

    [state] = states(cx, "e")
    assert (state["measures"]["spend"], state["tier"]) == (1_000, "silver")


def test_answers_of_a_run_are_facts_in_the_next(cx: Cx) -> None:
    asked = [buys(MARCH), redeems(MARCH + 2, 60, "r1"), redeems(MARCH + 3, 60, "r2")]
    file_of(Path("before"), *asked)
    file_of(Path("e"), *asked, buys(MARCH + 1, 1_000, "late"), redeems(MARCH + 4, 60, "r3"))
    cx("replay", "--policy", "p.yaml", "before", "--outputs", "o")

    assert [state["points"]["spent"] for state in states(cx, "e")] == [180]
    assert [state["points"]["spent"] for state in states(cx, "e", "--answers", "o", "--outputs", "o2")] == [120]
    answers = {one["data"]["request_id"]: one["type"] for one in read(Path("o2")) if "request_id" in one["data"]}
    assert answers == {"r1": "points.spent", "r2": "points.refused", "r3": "points.spent"}


def test_another_order_gives_the_same_bytes(cx: Cx) -> None:
    file_of(Path("e"), *LIFE)
    file_of(Path("f"), *LIFE[::-1], *LIFE[::2])
    states(cx, "e")
    first = Path("s").read_bytes()
    states(cx, "f")

    assert Path("s").read_bytes() == first


# Dead letters


def test_a_dead_letter_says_reason_field_and_line_and_has_the_line_itself(cx: Cx) -> None:
    bad = buys(MARCH, order="o2")
    bad["data"]["lines"][0]["quantity"] = 0
    file_of(Path("a"), buys(MARCH))
    Path("b").write_bytes(
        b"\n" + written([bad]).replace(b"\n", b"\r\n") + b'{"type":"case.opened"\n{"type":"x","subject":"\xff"}\n'
    )

    line = json.dumps(bad)
    first, second, third = letters(cx, "a", "b")
    assert first == {
        "topic": "cx.purchases",
        "partition": 0,
        "offset": 1,
        "file": "b",
        "line": 2,
        "reason": "invalid",
        "loc": "data.lines.0.quantity",
        "error_type": "greater_than_equal",
        "size": len(line),
        "time": "2026-03-01T03:00:00+00:00",
        "key": "lan",
        "value": line,
    }
    assert (second["reason"], second["topic"], second["key"], second["line"]) == ("not-json", "cx.support", None, 3)
    assert second["time"] == first["time"], "it tells none itself"
    assert (third["reason"], third["topic"]) == ("not-json", "")
    assert b64decode(third["value_base64"]) == b'{"type":"x","subject":"\xff"}'


def test_what_a_customer_wrote_is_cut(cx: Cx) -> None:
    words = event("feedback.submitted", MARCH, score=99) | {"comment": "Nguyen 0912345678"}
    words["data"]["text"] = "Nguyen 0912345678"
    broken = json.dumps(words).encode()[:-1]
    Path("e").write_bytes(written([words, words | {"type": "feedback.given"}]) + broken + b"\n")

    found = letters(cx, "e")
    assert [one["reason"] for one in found] == ["invalid", "unknown-type", "not-json"]
    assert "0912345678" not in Path("d").read_text("utf-8")
    assert json.loads(found[0]["value"])["data"] == {"instrument": "nps", "score": 99}
    assert all(one["sha256"] for one in found)


def test_a_line_that_is_too_large_is_cut(cx: Cx) -> None:
    large = buys(MARCH) | {"padding": "x" * 300_000}
    file_of(Path("e"), large)

    [found] = letters(cx, "e")
    assert (found["reason"], found["size"], len(found["value"])) == ("too-large", len(json.dumps(large)), 64 * 1024)
    assert found["sha256"] == hashlib.sha256(json.dumps(large).encode()).hexdigest()


def test_bad_lines_harm_no_other(cx: Cx) -> None:
    good = [buys(MARCH + number, 100, f"o{number}") for number in range(10)]
    Path("e").write_bytes(b"nonsense\n".join(written([one]) for one in good))

    assert [state["tier"] for state in states(cx, "e")] == ["silver"]
    assert len(letters(cx, "e")) == 9


# What is refused


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("none",), "none: cannot be read (No such file or directory)"),
        (("e", "."), ".: cannot be read (Is a directory)"),
        (("e", "--policy", "none.yaml"), "none.yaml: cannot be read (No such file or directory); presets:"),
        (("e", "--policy", "nonsense"), "nonsense: there is no preset nonsense, but "),
        (
            ("e", "--policy", "bad.yaml"),
            "bad.yaml: line 2: currency: String should match pattern '^[A-Z]{3}$' (and 1 more",
        ),
        (("e", "--until", "yesterday"), "--until: 'yesterday' is no instant such as 2026-03-01T10:00:00+07:00"),
        (("e", "--until", "2026-03-01T10:00:00"), "--until: '2026-03-01T10:00:00' is no instant"),
        (("e", "--until", "9000-01-01T00:00:00Z"), "--until: '9000-01-01T00:00:00Z' is not between the years 1900 and"),
        (("e", "--until", "1899-12-31T23:59:59Z"), "--until: '1899-12-31T23:59:59Z' is not between the years 1900 and"),
        (("e", "--answers", "none"), "none: cannot be read (No such file or directory)"),
        (("e", "--answers", "o"), "--answers: line 2 of o is no output"),
        (("e", "--answers", "less"), "--answers: line 1 of less is no output"),
        (("e", "--answers", "more"), "--answers: grants 7,777 points to the request in line 2 of e, which asks for 60"),
        (("e", "--answers", "both"), "--answers: line 3 of both is another answer to a request answered before"),
        (("e", "--states", "none/s"), "none/s: cannot be written (No such file or directory)"),
        (("e", "--states", "/dev/full"), "/dev/full: cannot be written (No space left on device)"),
    ],
)
def test_what_cannot_be_used_is_one_line(cx: Cx, arguments: tuple[str, ...], line: str) -> None:
    file_of(Path("e"), buys(MARCH), redeems(MARCH + 1, 60, "r1"))
    before = Path("e").read_bytes()
    Path("bad.yaml").write_text(POLICY.replace("VND", "vnd").replace("spend", "spent"), "utf-8")
    Path("o").write_text('{"type":"tier.upgraded"}\n{"type":"points.spent","subject":"lan","data":{}}\n', "utf-8")
    less = {"type": "points.spent", "subject": "lan", "data": {"request_id": "r1", "points": -5}}
    file_of(Path("less"), less)
    granted = [less | {"data": {"request_id": "r1", "points": points}} for points in (60, 60, 7_777)]
    file_of(Path("both"), *granted)
    file_of(Path("more"), *granted[2:])
    policy = () if "--policy" in arguments else ("--policy", "p.yaml")
    said = cx("replay", *policy, *arguments)

    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"cx: {line}")
    assert said.stderr.count("\n") == 1
    assert Path("e").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("e", "--outputs", "./e"), "./e: is read, and cannot be written at the same time"),
        (("e", "--states", "link"), "link: is read, and cannot be written at the same time"),
        (("e", "--states", "p.yaml"), "p.yaml: is read, and cannot be written at the same time"),
        (("e", "--answers", "o", "--outputs", "o"), "o: is read, and cannot be written at the same time"),
        (("e", "--states", "s", "--outputs", "./s"), "s: cannot be written for two things at the same time"),
        (("e", "--states", "new", "--outputs", "./new"), "new: cannot be written for two things at the same time"),
        (("e", "--states", "to-new", "--outputs", "new"), "to-new: cannot be written for two things at the same time"),
        (("e", "--states", "-", "--outputs", "-"), "standard output: cannot be written for two things at the same"),
        (("-", "--answers", "-"), "standard input: can be read only once"),
    ],
)
def test_no_file_is_used_for_two_things(cx: Cx, arguments: tuple[str, ...], line: str) -> None:
    file_of(Path("e"), buys(MARCH))
    Path("link").symlink_to("e")
    Path("to-new").symlink_to("new")
    for name in ("s", "o"):
        Path(name).write_text("kept\n", "utf-8")
    before = {name: name.read_bytes() for name in Path().iterdir() if name.exists()}
    said = cx("replay", "--policy", "p.yaml", *arguments)

    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert said.stderr.startswith(f"cx: {line}")
    assert {name: name.read_bytes() for name in Path().iterdir() if name.exists()} == before


def test_what_is_no_file_may_be_named_twice(cx: Cx) -> None:
    file_of(Path("e"), buys(MARCH))
    assert cx("replay", "--policy", "p.yaml", "e", "--states", os.devnull, "--outputs", os.devnull).returncode == 0


@pytest.mark.parametrize(("arguments", "what"), [((), "what is said"), (("--states", "-"), "standard output:")])
def test_a_standard_output_that_is_full_is_told_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], what: str
) -> None:
    file_of(tmp_path / "e", buys(MARCH))
    command = [sys.executable, "-m", "cli", "replay", "--policy", "retail-vn", str(tmp_path / "e"), *arguments]
    with Path("/dev/full").open("wb") as full:
        said = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert (said.returncode, said.stderr) == (2, f"cx: {what} cannot be written (No space left on device)\n")
