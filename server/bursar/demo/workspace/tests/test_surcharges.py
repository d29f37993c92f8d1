import unittest

from parcel import zones
from parcel.model import Parcel
from parcel.surcharges import Surcharge, per_mille, surcharges_for

SMALL = Parcel(800, 250, 180, 40)


def named(parcel=SMALL, country="DE", postcode="10115", base_cents=1_000):
    return [(each.name, each.cents) for each in surcharges_for(parcel, country, postcode, base_cents)]


class SurchargeTest(unittest.TestCase):
    def test_half_a_cent_is_rounded_up(self):
        self.assertEqual(per_mille(20, 75), 2)
        self.assertEqual(per_mille(6, 75), 0)

    def test_fuel_alone(self):
        self.assertEqual(surcharges_for(SMALL, "DE", "10115", 895), (Surcharge("fuel", 67),))

    def test_oversize_by_the_longest_side(self):
        self.assertEqual(named(Parcel(900, 1_200, 50, 50)), [("fuel", 75)])
        self.assertEqual(named(Parcel(900, 1_201, 50, 50)), [("oversize", 950), ("fuel", 146)])

    def test_oversize_by_girth_and_only_once(self):
        self.assertEqual(named(Parcel(900, 1_000, 600, 400)), [("fuel", 75)])
        self.assertEqual(named(Parcel(900, 1_000, 600, 401)), [("oversize", 950), ("fuel", 146)])
        self.assertEqual(named(Parcel(900, 1_300, 600, 500)), [("oversize", 950), ("fuel", 146)])

    def test_remote_area(self):
        self.assertEqual(named(country="NL", postcode="1791 AB"), [("remote area", 620), ("fuel", 122)])
        self.assertEqual(named(country="gb", postcode="ze1 0aa"), [("remote area", 620), ("fuel", 122)])
        self.assertEqual(named(country="NL", postcode="3511 LX"), [("fuel", 75)])

    def test_all_in_the_order_of_the_invoice(self):
        self.assertEqual(
            named(Parcel(900, 1_300, 50, 50), "FR", "20 090"),
            [("oversize", 950), ("remote area", 620), ("fuel", 193)],
        )

    def test_no_postcode_is_not_remote(self):
        self.assertFalse(zones.is_remote("PT", ""))
        self.assertFalse(zones.is_remote("US", "99501"))
        self.assertTrue(zones.is_remote("PT", "9000-018"))
