"""Tills and shops: orders with their lines, and what becomes of them; never more given back than is left."""

from dataclasses import dataclass
from math import exp
from typing import Any, Final

from ops.traffic.helpdesk import Helpdesk
from ops.traffic.instants import DAY, HOUR
from ops.traffic.options import Options
from ops.traffic.personas import PERSONAS, Customer
from ops.traffic.programme import Velocity
from ops.traffic.shops import CASE_TOPICS, CATEGORIES, PARTNERS, STORES, VND_STEP, Category
from ops.traffic.voices import BAD, GOOD, Voices
from ops.traffic.world import Draw, Happening, World

# What a customer spends in 365 days on average, in đồng: with silver from 3, gold from 10 and diamond from 30 million
# and Zipf activity, every tier then has its share.
SPEND_A_YEAR: Final = 8_100_000
PURCHASE_SHARE: Final = 0.3  # of all records, as it comes out; by it the spend is shared among the orders to come
BASKET_MIN: Final = 20_000
BASKET_MAX: Final = 60_000_000
_DELIVERED: Final = ("web", "app")
_VAT_PCT: Final = 8
_FREE_SHIPPING: Final = 500_000
_LINES_MAX: Final = 6
_TRIES: Final = 0.008  # of the orders of bargain hunters: the first of several to try on, all of which go back


@dataclass(slots=True)
class Order:
    """An order and what is left of it; `left` holds [line id, amount left, quantity left]."""

    id: str
    source: str
    left: list[list[Any]]


class Tills:
    """Sells, takes back, calls off."""

    def __init__(
        self, options: Options, world: World, helpdesk: Helpdesk, voices: Voices, velocities: tuple[Velocity, ...]
    ) -> None:
        """Work in *world*, with baskets as large as the tiers want them.

        Some customers give back as much at once as the least of the *velocities* of refunds takes.
        """
        self._world: Final = world
        self._helpdesk: Final = helpdesk
        self._voices: Final = voices
        self._categories: Final = Draw([(category, category.share) for category in CATEGORIES])
        self._channels: Final = {persona.name: Draw(persona.channels) for persona in PERSONAS}
        refunds = [one.more_than for one in velocities if one.counts == "refunds"]
        self._tried: Final = min(refunds) + 1 if refunds else 0
        years = min(1.0, options.length_ms / (365 * DAY)) if options.span is not None else 1.0
        orders = options.total * PURCHASE_SHARE / options.customers * min(1.0, 365 * DAY / options.length_ms)
        self._basket: Final = min(BASKET_MAX, max(BASKET_MIN, SPEND_A_YEAR * max(years, 0.25) / max(orders, 0.01)))

    def sells(self, customer: Customer) -> Happening:
        """Sell something, and let what becomes of it follow."""
        world = self._world
        if self._tried and customer.persona.name == "bargain-hunter" and world.chance(_TRIES):
            back_at = world.now + 44 * HOUR
            for _ in range(self._tried - 1):
                world.after(0.1, 20, customer, self._sells_to_try, back_at)
            return self._sells_to_try(customer, back_at)
        order, happening = self._sold(customer)
        if happening.data["channel"] in _DELIVERED and world.chance(0.04):
            world.after(0.2, 10, customer, self._calls_off, order)
        else:
            self._is_used(customer, order)
        return happening

    def _sells_to_try(self, customer: Customer, back_at: int) -> Happening:
        """Sell what comes back whole with all else that is tried on, a little after the instant *back_at*."""
        order, happening = self._sold(customer)
        hours = max(1.0, (back_at - self._world.now) / HOUR)
        self._world.after(hours, hours + 6, customer, self._takes_the_rest, order)
        return happening

    def _sold(self, customer: Customer) -> tuple[Order, Happening]:
        rng = self._world.rng
        channel: str = self._channels[customer.persona.name].one(rng)
        lines = self._lines(customer)
        goods: int = sum(line["amount"] for line in lines)
        order = Order(
            id=f"DH{self._world.run}-{self._world.number()}",
            source=_source(channel, customer, self._world),
            left=[[line["line_id"], line["amount"], line["quantity"]] for line in lines],
        )
        shipping = rng.randrange(15, 46) * VND_STEP if channel in _DELIVERED and goods < _FREE_SHIPPING else 0
        tax = goods * _VAT_PCT // 100
        data: dict[str, Any] = {"order_id": order.id, "channel": channel, "currency": "VND", "lines": lines}
        if channel == "store":
            data["store"] = STORES[customer.store].name
        if shipping:
            data["shipping"] = shipping
        data |= {"tax": tax, "payments": self._payments(customer, goods + tax + shipping)}
        return order, Happening(customer, "purchase.completed", order.source, data, root=True)

    def _lines(self, customer: Customer) -> list[dict[str, Any]]:
        rng = self._world.rng
        size = self._basket * customer.persona.basket * exp(rng.gauss(-0.18, 0.6))
        count = min(_LINES_MAX, 1 + int(rng.expovariate(0.8)))
        drawn: list[tuple[Category, float]] = []
        for _ in range(count):
            category: Category = self._categories.one(rng)
            drawn.append((category, category.price * (0.4 + rng.random())))
        whole = sum(part for _, part in drawn)
        return [
            {
                "line_id": str(place),
                "sku": f"{category.name}-{rng.randrange(1000):03d}",
                "category": category.name,
                "quantity": 1 if self._world.chance(0.7) else rng.randrange(2, 5),
                "amount": max(VND_STEP, round(size * part / whole / VND_STEP) * VND_STEP),
            }
            for place, (category, part) in enumerate(drawn, start=1)
        ]

    def _payments(self, customer: Customer, due: int) -> list[dict[str, Any]]:
        rng = self._world.rng
        if rng.random() >= customer.persona.frugal:
            return [{"kind": "money", "amount": due}]
        other = int(due * rng.uniform(0.05, 0.25)) // VND_STEP * VND_STEP
        kind = "points" if self._world.chance(0.7) else "gift-card"
        return [{"kind": "money", "amount": due - other}, {"kind": kind, "amount": other}]

    def _is_used(self, customer: Customer, order: Order) -> None:
        """Draw what the customer lives through with the order: a refund, trouble, praise."""
        world, persona = self._world, customer.persona
        wrong = world.chance(persona.trouble)
        experience = min(100.0, max(0.0, world.rng.gauss(20.0 if wrong else 76.0, 10.0)))
        customer.feel((experience - 55) * 0.15)
        about = {"order_id": order.id, "touchpoint": "product"}
        if world.chance(persona.refund * (3.0 if wrong else 0.8)):
            world.after(24, 480, customer, self._takes_back, order)
        if wrong and world.chance(0.5):
            world.after(2, 120, customer, self._helpdesk.opens, CASE_TOPICS[world.chance(0.5)], order.id)
        elif wrong and world.chance(0.25):
            world.after(2, 120, customer, self._voices.complains, about)
        if world.chance(persona.voice * 0.5):
            world.after(24, 96, customer, self._voices.asked, "csat", experience, about)
        if (experience < BAD or experience >= GOOD) and world.chance(persona.voice * 0.35):
            world.after(48, 240, customer, self._voices.asked, "review", experience, about)
        if world.chance(persona.voice * 0.25):
            world.after(200, 400, customer, self._voices.recommends, experience)

    def _calls_off(self, customer: Customer, order: Order) -> Happening:
        data = {"order_id": order.id, "reason": "changed-mind"}
        return Happening(customer, "purchase.cancelled", order.source, data)

    def _takes_back(self, customer: Customer, order: Order) -> Happening:
        """Give back some lines or parts of them, or the whole order."""
        world = self._world
        if world.chance(0.4):
            return Happening(customer, "purchase.refunded", order.source, {"order_id": order.id, "reason": "returned"})
        world.rng.shuffle(order.left)
        back = [_given_back(line, world) for line in order.left[: max(1, len(order.left) // 2)]]
        order.left = [line for line in order.left if line[1] > 0]
        if order.left and world.chance(0.15):
            world.after(24, 240, customer, self._takes_the_rest, order)
        tax = sum(line["amount"] for line in back) * _VAT_PCT // 100
        data = {"order_id": order.id, "lines": back, "tax": tax, "reason": "returned"}
        return Happening(customer, "purchase.refunded", order.source, data)

    def _takes_the_rest(self, customer: Customer, order: Order) -> Happening:
        return Happening(customer, "purchase.refunded", order.source, {"order_id": order.id, "reason": "returned"})


def _given_back(line: list[Any], world: World) -> dict[str, Any]:
    """Take a line back, or some of its pieces; what is left of it goes down."""
    line_id, amount, quantity = line
    pieces = quantity if quantity == 1 or world.chance(0.5) else world.rng.randrange(1, quantity)
    back = amount * pieces // quantity
    line[1], line[2] = amount - back, quantity - pieces
    return {"line_id": line_id, "amount": back, "quantity": pieces}


def _source(channel: str, customer: Customer, world: World) -> str:
    if channel == "store":
        return f"/tills/{STORES[customer.store].code}"
    return f"/partners/{world.rng.choice(PARTNERS)}" if channel == "partner" else f"/shops/{channel}"
