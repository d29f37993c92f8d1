import unittest

from parcel.errors import InvalidParcel
from parcel.model import Parcel


class ParcelTest(unittest.TestCase):
    def test_sides_in_any_order(self):
        for sides in ((100, 300, 200), (300, 200, 100), (200, 100, 300)):
            parcel = Parcel(500, *sides)
            self.assertEqual(parcel.longest_mm, 300)
            self.assertEqual(parcel.girth_mm, 600)

    def test_nothing_below_one(self):
        with self.assertRaisesRegex(InvalidParcel, "The weight must be above 0 g, not 0"):
            Parcel(0, 1, 1, 1)
        with self.assertRaisesRegex(InvalidParcel, "The width must be above 0 mm, not -5"):
            Parcel(1, 1, -5, 1)

    def test_volumetric_weight_is_rounded_up(self):
        self.assertEqual(Parcel(1, 100, 50, 1).volumetric_weight_g, 1)
        self.assertEqual(Parcel(1, 100, 50, 2).volumetric_weight_g, 2)
        self.assertEqual(Parcel(1, 5_001, 1, 1).volumetric_weight_g, 2)

    def test_the_greater_weight_is_charged(self):
        self.assertEqual(Parcel(1_200, 300, 200, 150).chargeable_weight_g, 1_800)
        self.assertEqual(Parcel(2_500, 300, 200, 150).chargeable_weight_g, 2_500)
