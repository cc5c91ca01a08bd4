"""What tests of several folders share."""

from collections.abc import Iterator

import pytest

from cx import decide

SETTLE_MIN = 3  # with so few moments a base comes about


@pytest.fixture(scope="module")
def early_base() -> Iterator[None]:
    """Let moments go to the base in small groups, so that short logs have one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "SETTLE_MIN", SETTLE_MIN)
        yield
