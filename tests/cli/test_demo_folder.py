"""The demo's folder: emptied when it is a demo's, left alone when it is anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.demo import DemoError, empty
from ops.embedded.errors import RootInUseError
from ops.embedded.root import Root

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_folder_becomes_a_demos_and_is_emptied_by_the_next(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    empty(root)
    (root / "kafka" / "log").mkdir(parents=True)
    (root / "kafka" / "log" / "0").write_text("data")
    (root / "cluster.json").write_text("{}")
    (root / "outside").symlink_to(tmp_path)

    empty(root)

    assert {found.name for found in root.iterdir()} == {"emptied-by-cx-demo", "lock", "children"}
    assert tmp_path.exists()


@pytest.mark.parametrize("name", ["cluster.json", "thesis.txt"])
def test_a_folder_with_anything_else_in_it_is_refused_and_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(DemoError, match="holds data that is no demo's"):
        empty(tmp_path)

    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_the_folder_of_a_running_stack_is_not_emptied(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    empty(root)
    (root / "data").write_text("in use")
    held = Root(root)
    held.open()
    try:
        with pytest.raises(RootInUseError):
            empty(root)
    finally:
        held.close()

    assert (root / "data").exists()
