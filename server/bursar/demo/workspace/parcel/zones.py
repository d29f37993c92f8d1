"""Which column of the price list a country belongs to."""

from enum import Enum

from parcel.errors import UnknownCountry


class Zone(Enum):
    """A group of countries with the same prices."""

    HOME = "home"
    EUROPE = "europe"
    WORLD = "world"


_COUNTRIES = {
    Zone.HOME: "NL",
    Zone.EUROPE: "AT BE CH CZ DE DK ES FI FR GB IE IT LU NO PL PT SE",
    Zone.WORLD: "AU BR CA IN JP KR NZ US ZA",
}
_ZONE_OF = {country: zone for zone, countries in _COUNTRIES.items() for country in countries.split()}


def zone_for(country: str) -> Zone:
    """The zone of a two-letter country code in any case. Raises UnknownCountry."""
    zone = _ZONE_OF.get(country.upper())
    if zone is None:
        raise UnknownCountry(country)
    return zone
