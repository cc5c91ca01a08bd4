"""The job of docs/lane.md, run as it stands there: a hundred visits in, one regular out, and the count in the table."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from streams.effects import RECORD_BYTES_MAX
from tests.house.tree import ROOT
from tests.integration.rig import PARTITIONS, Rig
from tests.integration.worker import DEADLINE_S, Worker

JOB_PARTITIONS = 4  # as the example has it
LOOKS = 20  # a tenth of a second apart
START = 'if __name__ == "__main__":'
# A table is seen from inside its worker only; the example itself stays as it is.
LOOK = """
@app.timer(0.1)
async def look():
    try:
        print(f"visits of lan: {int.from_bytes(app.tables['visits'][b'lan'][8:])}.")
    except KeyError:
        pass


"""


def example() -> str:
    """Return the one block of Python in docs/lane.md."""
    page = (ROOT / "docs/lane.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return str(code)


class Job(Worker):
    """`python visits.py`, watched like any worker."""

    def start(self) -> Self:
        script = self.log.parent / "visits.py"
        head, start, tail = example().partition(START)
        script.write_text(head + LOOK + start + tail, "utf-8")
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, script.name],
                cwd=script.parent,
                env={**self.environment, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def until(self, part: str, times: int = 1) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while self.text().count(part) < times:
            assert self.running.poll() is None, self.text()[-2000:]
            assert time.monotonic() < deadline, self.text()[-2000:]
            time.sleep(0.05)


async def test_the_example_makes_one_regular_of_a_hundred_visits(bootstrap: str, unique: str, tmp_path: Path) -> None:
    rig = Rig(bootstrap, unique, tmp_path)
    async with rig.admin() as admin:
        compacted = {"cleanup.policy": "compact"}
        await admin.create_topics(
            [
                NewTopic("shop.visits", JOB_PARTITIONS, 1),
                NewTopic("shop-visits-changelog", JOB_PARTITIONS, 1, topic_configs=compacted),
                NewTopic("shop.regulars", PARTITIONS, 1),
                NewTopic("shop.dead-letters", PARTITIONS, 1),
            ]
        )
    settings = {"KAFKA__BOOTSTRAP": bootstrap, "DATA": str(tmp_path / "data"), "TICK_SECONDS": "0.2"}
    with Job(tmp_path / "log", **settings) as job:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            first = await producer.send_and_wait("shop.visits", b"{}", key=b"lan")
            await producer.send_and_wait("shop.visits", b"nobody", partition=first.partition)
            await producer.send_and_wait("shop.visits", b"long", key=bytes(RECORD_BYTES_MAX), partition=first.partition)
            for _ in range(98):
                await producer.send_and_wait("shop.visits", b"{}", key=b"lan")
            job.until("visits of lan: 99.")
            job.kill()
            job.start()
            await producer.send_and_wait("shop.visits", b"{}", key=b"lan")
            job.until("visits of lan: 100.", LOOKS)  # so long that ticks would be due, had the fold a clock
        assert job.stop() == 0, job.text()[-2000:]
    assert [(record.key, record.value) for record in await rig.read("shop.regulars")] == [(b"lan", b"{}")]
    assert sorted(await rig.values("shop.dead-letters")) == [b"long", b"nobody"]
