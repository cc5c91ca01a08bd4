"""What tests of several folders share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from cx import decide

# The same examples whenever a test is the same, so that what fails is of a change; `make properties` draws others.
# No example has a deadline, for that would be one of the machine.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("new", deadline=None)
settings.load_profile("same")
SETTLE_MIN = 3  # with so few moments a base comes about


@pytest.fixture(scope="module")
def early_base() -> Iterator[None]:
    """Let moments go to the base in small groups, so that short logs have one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "SETTLE_MIN", SETTLE_MIN)
        yield
