"""What comes on top of the base price."""

from dataclasses import dataclass

from parcel.model import Parcel

FUEL_PER_MILLE = 75


@dataclass(frozen=True, slots=True)
class Surcharge:
    """A line of the invoice on top of the base price, under the carrier's name for it."""

    name: str
    cents: int


def per_mille(amount_cents: int, rate: int) -> int:
    """This many thousandths of an amount that is not negative, rounded half up to a cent."""
    return (amount_cents * rate + 500) // 1000


def surcharges_for(parcel: Parcel, country: str, postcode: str, base_cents: int) -> tuple[Surcharge, ...]:
    """All surcharges in the order of the invoice; fuel is always there and always last."""
    return (Surcharge("fuel", per_mille(base_cents, FUEL_PER_MILLE)),)
