"""`python -m cli`: the `cx` command by way of this very Python; workers are started so."""

from __future__ import annotations

from cli.main import main

main()
