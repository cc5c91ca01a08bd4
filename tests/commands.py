"""`cx` as a person types it, in this process: starting one takes longer than most commands."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command printed, and the exit code with which it ended."""

    returncode: object
    stdout: str
    stderr: str


def typed(monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """Run `cx` with *arguments*; *captured* is `capsys`, or `capfd` where bytes are written."""
    monkeypatch.setattr("sys.argv", ["cx", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return Said(ended.value.code, *captured.readouterr())
