"""What is sent: a box with its weight and its sides."""

from dataclasses import dataclass

from parcel.errors import InvalidParcel

# 5,000 cubic centimetres count as one kilogram.
VOLUME_MM3_PER_G = 5_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """A box as it was weighed and measured; the sides may come in any order. Raises InvalidParcel."""

    weight_g: int
    length_mm: int
    width_mm: int
    height_mm: int

    def __post_init__(self) -> None:
        for name, unit in (("weight", "g"), ("length", "mm"), ("width", "mm"), ("height", "mm")):
            value = getattr(self, f"{name}_{unit}")
            if value <= 0:
                raise InvalidParcel(f"The {name} must be above 0 {unit}, not {value}.")

    @property
    def longest_mm(self) -> int:
        """The longest of the three sides."""
        return max(self.length_mm, self.width_mm, self.height_mm)

    @property
    def girth_mm(self) -> int:
        """Once around the box, across its longest side."""
        return 2 * (self.length_mm + self.width_mm + self.height_mm - self.longest_mm)

    @property
    def volumetric_weight_g(self) -> int:
        """The weight that the volume counts as, rounded up to a gram."""
        return -(-self.length_mm * self.width_mm * self.height_mm // VOLUME_MM3_PER_G)

    @property
    def chargeable_weight_g(self) -> int:
        """The greater of real and volumetric weight: what the carrier charges for."""
        return max(self.weight_g, self.volumetric_weight_g)
