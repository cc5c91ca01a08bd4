"""Voices: what customers say about what happened to them; bad experiences score low, good ones high."""

from random import Random
from typing import Any, Final

from ops.traffic.personas import Customer
from ops.traffic.world import Happening, World

GOOD: Final = 70  # an experience from here on is worth praise, from 0 to 100
BAD: Final = 35
_PRAISE: Final = ("Hàng đẹp, giao nhanh.", "Nhân viên rất nhiệt tình.", "Sẽ mua lại.", "Rất hài lòng!")
_BLAME: Final = ("Giao hàng quá chậm.", "Hàng không giống hình.", "Gọi mãi không ai trả lời.", "Thất vọng.")
_NEUTRAL: Final = ("Tạm được.", "Bình thường.", "Giá hơi cao.")
_TEXT: Final = 0.3


class Voices:
    """Surveys, reviews and complaints."""

    def __init__(self, world: World) -> None:
        """Speak in *world*."""
        self._world: Final = world

    def asked(self, customer: Customer, instrument: str, experience: float, about: dict[str, str]) -> Happening:
        """Answer a survey or write a review about an *experience* from 0 to 100."""
        rng = self._world.rng
        data: dict[str, Any] = {"instrument": instrument, "score": score(instrument, experience, rng), **about}
        if instrument in ("nps", "review") and rng.random() < _TEXT:
            data["text"] = rng.choice(_text(experience))
        return Happening(customer, "feedback.submitted", "/surveys" if instrument != "review" else "/reviews", data)

    def complains(self, customer: Customer, about: dict[str, str]) -> Happening:
        """Complain."""
        customer.feel(-6)
        data = {"instrument": "complaint", "text": self._world.rng.choice(_BLAME), **about}
        return Happening(customer, "feedback.submitted", "/complaints", data)

    def recommends(self, customer: Customer, experience: float) -> Happening:
        """Say whether one would recommend the brand: half the mood of the moment, half what was lived through last."""
        return self.asked(customer, "nps", (customer.mood + experience) / 2, {"dimension": "brand"})


def score(instrument: str, experience: float, rng: Random) -> int:
    """Return an answer on the scale of *instrument* to an *experience* from 0 to 100, with some noise."""
    low, high, noise = _SCALES[instrument]
    answer = low + (high - low) * experience / 100 + rng.gauss(0.0, noise)
    return min(high, max(low, round(answer)))


_SCALES: Final = {"nps": (0, 10, 1.1), "csat": (1, 5, 0.5), "ces": (1, 7, 0.8), "review": (1, 5, 0.5)}


def _text(experience: float) -> tuple[str, ...]:
    return _PRAISE if experience >= GOOD else _BLAME if experience < BAD else _NEUTRAL
