"""The errors that a user can cause; their text is a sentence to show as it is."""


class ParcelError(Exception):
    """A parcel cannot be quoted."""


class InvalidParcel(ParcelError):
    """A weight or a side is not above zero."""


class UnknownCountry(ParcelError):
    """The carrier does not deliver to this country."""

    def __init__(self, country: str) -> None:
        super().__init__(f"There is no delivery to {country!r}.")
