"""The catalogue of gifts and the budgets that pay for them; topic `cx.gifts`, keyed by programme."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Amount, Currency, PositiveAmount, Record, Short
from schemas.envelope import ProgrammeEnvelope


class ListedData(Record):
    """A gift as it is from now on, all of it: what an earlier listing said and this one leaves out is as by default.

    Attributes:
        gift_id: Its name in the policy.
        brand: Who takes it.
        card_kind: What kind of card it is.
        face_value: What the customer gets, in minor units.
        currency: That of the programme.
        cost: What budgets pay for one; None for the face value.
        valid_days: How long it can be used from when it was allocated, its code's own end apart.
        remind_days: How long before its end that is said; 0 for never.
        returns: Whether a code that was neither delivered nor revealed goes back to stock.
        listed: Whether it is given; False keeps its codes, and gives none.
        vendor: Who makes one where there is none in stock; None for nobody.
    """

    gift_id: Short
    brand: Short
    card_kind: Short = "e-gift"
    face_value: PositiveAmount
    currency: Currency
    cost: Amount | None = None
    valid_days: Annotated[int, Field(ge=1, le=1_100)] = 90
    remind_days: Annotated[int, Field(ge=0, le=90)] = 7
    returns: bool = True
    listed: bool = True
    vendor: Short | None = None


class BudgetData(Record):
    """How much may be spent a local day, a month, and in total, in minor units; None for no limit.

    Attributes:
        scope: Of what; a gift is paid for by the programme's budget, and by those of its tier, campaign and gift.
        name: Which tier, campaign or gift; None for the programme.
        currency: That of the programme.
    """

    scope: Literal["programme", "tier", "campaign", "gift"]
    name: Short | None = None
    currency: Currency
    day: Amount | None = None
    month: Amount | None = None
    total: Amount | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.name is None) != (self.scope == "programme"):
            code = "budget_name"
            raise PydanticCustomError(code, "a tier, a campaign and a gift have a name, the programme has none")
        return self


class GiftListed(ProgrammeEnvelope):
    """A gift is in the catalogue, or what the catalogue says of it has changed; the newest by `time` counts."""

    type: Literal["gift.listed"]
    data: ListedData


class BudgetSet(ProgrammeEnvelope):
    """A budget has these limits; what was spent before counts, and the newest by `time` is what holds."""

    type: Literal["budget.set"]
    data: BudgetData


CatalogueEvent = GiftListed | BudgetSet
