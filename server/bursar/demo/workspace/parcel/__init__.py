"""What it costs to send a box."""

from parcel.errors import ParcelError
from parcel.model import Parcel

__all__ = ["Parcel", "ParcelError"]
