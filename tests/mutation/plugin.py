"""What pytest needs in `make mutants`: few examples of Hypothesis, always the same, and a name mutmut asks for."""

import pytest
from hypothesis import Phase, settings

# Nobody reads the failure of a mutant, so that no time is spent on making it smaller.
settings.register_profile(
    "mutants", database=None, deadline=None, derandomize=True, max_examples=20, phases=[Phase.explicit, Phase.generate]
)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let mutmut 3.7 find the id of a test where pytest 9.1 keeps it no more."""
    # Faust holds click, and with it mutmut, back: docs/decisions.md, 39.
    vars(item).setdefault("_nodeid", item.nodeid)
