"""The carrier's price list and the base price of a parcel."""

from dataclasses import dataclass

from parcel.model import Parcel
from parcel.zones import Zone

MAX_WEIGHT_G = 30_000


@dataclass(frozen=True, slots=True)
class Band:
    """A line of the price list: up to this weight, inclusive, this price."""

    up_to_g: int
    cents: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """A column of the price list: its bands, and the price of each started kilogram above the last one."""

    bands: tuple[Band, ...]
    step_cents: int


RATES = {
    Zone.HOME: Tariff((Band(1_000, 495), Band(2_000, 595), Band(5_000, 745), Band(10_000, 995)), 90),
    Zone.EUROPE: Tariff((Band(1_000, 895), Band(2_000, 1_095), Band(5_000, 1_495), Band(10_000, 2_195)), 210),
    Zone.WORLD: Tariff((Band(1_000, 1_695), Band(2_000, 2_495), Band(5_000, 3_995), Band(10_000, 6_495)), 650),
}


def base_price_cents(parcel: Parcel, zone: Zone) -> int:
    """The price list's price for the chargeable weight, standard service."""
    raise NotImplementedError
