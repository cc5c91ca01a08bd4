"""What becomes of what is owed, told step by step: offered, chosen, issued, used, run out, or taken back."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.reference.books import Event
from tests.reference.days import DAY, NEVER
from tests.reference.policy import Policy
from tests.reference.rewards import Member, Occasion, Owed
from tests.reference.walk import Answers

CHOICES_MAX = 20
Key = tuple[str, Occasion, int]
Step = tuple[str, str, str, int, int, Any]  # kind, rule, occasion, item, when, and what of it


@dataclass
class Gift:
    """The life of one reward."""

    rule: Policy
    choices: list[str] = field(default_factory=list)
    chosen: str = ""
    brand: str = ""
    status: str = "offered"
    until: int = NEVER  # when an offer, or else a gift, ends
    reminder: int = NEVER
    used: int = 0
    final: bool = False


class Giver(Member):
    """A customer, with what is told of rewards while everything comes in its order."""

    def __init__(self, policy: Policy, events: list[Event], answers: Answers, customer: str) -> None:
        self.customer, self.gifts, self.story = customer, dict[Key, Gift](), list[Step]()
        self.kept_back = dict[Key, str]()  # by which hold something waits
        self.spoken, self.preferred = dict[str, list[str]](), dict[tuple[str, Occasion], int]()
        super().__init__(policy, events, answers)

    def pass_time(self, until: int) -> None:
        super().pass_time(until)
        self.begin()
        while (at := min((min(one.until, one.reminder) for one in self.gifts.values()), default=NEVER)) <= until:
            for key, gift in self.gifts.items():
                if gift.reminder == at:
                    gift.reminder = NEVER
                    self.tell("expiring", key, at, gift.chosen)
                if gift.until == at:
                    gift.until = NEVER
                    if gift.status == "offered" and self.rule(key).get("unchosen") == "none":
                        self.end(key, "expired", at, gift.chosen)
                    elif gift.status == "offered":
                        self.choose(key, gift.choices[0], at)
                    else:
                        self.end(key, "expired", at, gift.chosen)

    def happen(self, event: Event) -> None:
        super().happen(event)
        for key in [key for key in self.gifts if self.reward_id(key) == event.data.get("reward_id")]:
            self.hear(key, event)
        if event.kind == "reward.chosen":
            said = self.spoken.setdefault(event.data["reward_id"], [])
            said += [event.data["gift_id"]] if event.data["gift_id"] not in said and len(said) < CHOICES_MAX else []
        for key, gift in self.gifts.items():
            owed = self.owed.get(key[:2])
            if owed and owed.lost and gift.status in ("offered", "issued"):
                self.kept_back.pop(key, None)
                self.end(key, "revoked", event.at, "refund")
        for key, name in list(self.kept_back.items()):
            if self.holds[name].ended:
                self.go_on(key, self.holds[name].released, event.at)
        self.begin(event.at if event.kind == "purchase.completed" else 0)

    def owe(self, rule: Policy, name: Occasion, **more: Any) -> None:
        before = dict(self.owed)
        super().owe(rule, name, **more)
        for key, owed in self.owed.items():
            if before.get(key) is not owed:
                wanted = [one for one in rule.get("choices", ()) if one["id"] in owed.choices]
                words = [{one[n].casefold() for n in ("id", "brand")} for one in wanted]
                kinds = [{one.get("card_kind", "e-voucher").casefold()} for one in wanted]
                liked = [bool((one | kind) & set(self.preferences)) for one, kind in zip(words, kinds, strict=True)]
                self.preferred[key] = sum(liked)

    # The steps

    def begin(self, bought: int = 0) -> None:
        """Offer or give what is owed and was not given, or was taken back; but for what is held.

        Refunds that waited for what was *bought* at this instant come after it, and so does the hold that they place.
        """
        for (rule, occasion), owed in self.owed.items():
            for item in range(1, 1 + owed.rule.get("quantity", 1)):
                key = rule, occasion, item
                gift = self.gifts.get(key)
                if (
                    not owed.lost
                    and key not in self.kept_back
                    and (not gift or (gift.status == "revoked" and not gift.final))
                ):
                    if self.stands(bought):
                        self.kept_back[key] = self.stands(bought)
                    else:
                        self.give(key, owed, owed.since)

    def stands(self, bought: int = 0) -> str:
        """Return the hold that stands for the longest time; empty where none does."""
        back = [rule["id"] for rule in self.policy["velocity"] if rule["counts"] == "refunds"]
        standing = [(name, hold) for name, hold in self.holds.items() if not hold.ended]
        return next((name for name, hold in standing if hold.rule not in back or hold.placed != bought), "")

    def go_on(self, key: Key, released: bool, at: int) -> None:  # noqa: FBT001  # as a word is
        """Go on with what a hold that has ended kept back, unless another does."""
        gift, owed = self.gifts.get(key), self.owed.get(key[:2])
        offered = gift is not None and gift.status == "offered"
        del self.kept_back[key]
        if not offered and (owed is None or owed.lost):
            return
        if not released:
            self.gifts[key] = gift if gift and offered else Gift(self.rule(key))
            self.end(key, "revoked", at, "hold-confirmed", final=True)
        elif self.stands():
            self.kept_back[key] = self.stands()
        elif gift and offered:
            self.issue(key, gift.chosen, at)
        elif owed:
            self.give(key, owed, at)

    def rule(self, key: Key) -> Policy:
        return next(rule for rule in self.policy["rewards"] if rule["id"] == key[0])

    def give(self, key: Key, owed: Owed, at: int) -> None:
        """Give what leaves no choice, and offer all else in the customer's order."""
        gift = self.gifts[key] = Gift(owed.rule)
        liked, names = self.preferred[key[:2]], owed.choices
        if len(names) < 2 or liked == 1:
            self.issue(key, names[0] if names else self.options(owed.rule)[0]["id"], at)
            return
        used = Counter(one.brand for one in self.gifts.values() if 0 < one.used <= owed.since)
        brand = {one["id"]: one["brand"] for one in self.options(owed.rule)}
        parts = [sorted(part, key=lambda one: -used[brand[one]]) for part in (names[:liked], names[liked:])]
        gift.choices, gift.until = parts[0] + parts[1], at + owed.rule.get("choose_days", 7) * DAY
        self.tell("offered", key, at, gift.choices)
        for one in self.spoken.get(self.reward_id(key), ()):
            if one in gift.choices and not gift.chosen:
                self.choose(key, one, at)

    @staticmethod
    def options(rule: Policy) -> list[Policy]:
        return list(rule.get("choices") or [rule["gift"]])

    def choose(self, key: Key, name: str, at: int) -> None:
        """Take the first choice, and give it unless a hold stands."""
        gift = self.gifts[key]
        gift.chosen, gift.until = name, NEVER
        if self.stands():
            self.kept_back[key] = self.stands()
        else:
            self.issue(key, name, at)

    def issue(self, key: Key, name: str, at: int) -> None:
        gift, rule = self.gifts[key], self.rule(key)
        one = next(one for one in self.options(rule) if one["id"] == name)
        gift.status, gift.chosen, gift.brand = "issued", name, one["brand"]
        gift.until = at + one.get("valid_days", 90) * DAY
        soon = gift.until - rule.get("remind_days", 7) * DAY
        gift.reminder = soon if rule.get("remind_days", 7) and soon > at else NEVER
        self.tell("issued", key, at, name)

    def hear(self, key: Key, event: Event) -> None:
        """Take what is said of a reward that was told."""
        gift = self.gifts[key]
        if event.kind == "reward.chosen" and gift.status == "offered":
            if event.data["gift_id"] in gift.choices and not gift.chosen:
                self.choose(key, event.data["gift_id"], event.at)
        elif event.kind == "gift.redeemed" and gift.brand and not gift.used:
            gift.status, gift.used, gift.until, gift.reminder = "redeemed", event.at, NEVER, NEVER
        elif event.kind in ("gift.expired", "gift.cancelled") and gift.status == "issued":
            called_off = event.kind == "gift.cancelled"
            kind, what = ("revoked", "cancelled") if called_off else ("expired", gift.chosen)
            self.end(key, kind, event.at, what, final=called_off)

    def end(self, key: Key, kind: str, at: int, what: str, *, final: bool = False) -> None:
        gift = self.gifts[key]
        gift.status, gift.final, gift.until, gift.reminder = kind, final, NEVER, NEVER
        self.tell(kind, key, at, what)

    def tell(self, kind: str, key: Key, at: int, what: Any) -> None:
        self.story.append((kind, key[0], key[1][0], key[2], at, what))

    def reward_id(self, key: Key) -> str:
        """Return the id of a reward: of customer, rule, occasion and item, and so the same in every order."""
        own = "\n".join(key[1])
        return str(uuid5(uuid5(NAMESPACE_URL, "cxstream"), f"reward\n{self.customer}\n{key[0]}/{own}/{key[2]}"))
