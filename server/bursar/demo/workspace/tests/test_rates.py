import unittest

from parcel.model import Parcel
from parcel.rates import RATES, base_price_cents
from parcel.zones import Zone


def weighing(weight_g):
    """A small box, so that only its weight counts."""
    return Parcel(weight_g, 100, 100, 50)


class BasePriceTest(unittest.TestCase):
    def test_table_ascends(self):
        for tariff in RATES.values():
            self.assertEqual(sorted(tariff.bands, key=lambda band: band.up_to_g), list(tariff.bands))
            self.assertEqual(sorted(tariff.bands, key=lambda band: band.cents), list(tariff.bands))

    def test_the_end_belongs_to_the_band(self):
        cases = [(1, 495), (1_000, 495), (1_001, 595), (2_000, 595), (5_000, 745), (5_001, 995), (10_000, 995)]
        for weight_g, cents in cases:
            with self.subTest(weight_g=weight_g):
                self.assertEqual(base_price_cents(weighing(weight_g), Zone.HOME), cents)

    def test_each_started_kilogram_above_the_last_band(self):
        for weight_g, cents in [(10_001, 2_405), (11_000, 2_405), (11_001, 2_615), (30_000, 6_395)]:
            with self.subTest(weight_g=weight_g):
                self.assertEqual(base_price_cents(weighing(weight_g), Zone.EUROPE), cents)

    def test_volume_counts_as_weight(self):
        self.assertEqual(base_price_cents(Parcel(1_200, 600, 400, 300), Zone.WORLD), 6_495 + 5 * 650)

    def test_too_heavy(self):
        from parcel.errors import TooHeavy

        with self.assertRaises(TooHeavy) as caught:
            base_price_cents(weighing(31_150), Zone.HOME)
        self.assertEqual(str(caught.exception), "The parcel counts as 31.2 kg, and the limit is 30.0 kg.")
        with self.assertRaisesRegex(TooHeavy, "counts as 30.1 kg"):
            base_price_cents(weighing(30_001), Zone.HOME)
