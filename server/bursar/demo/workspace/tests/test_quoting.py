import unittest

import parcel as package
from parcel.errors import ServiceUnavailable, TooHeavy, UnknownCountry
from parcel.model import Parcel
from parcel.quoting import Destination, Quote, Service, quote, quotes
from parcel.surcharges import Surcharge

NOVEL = Parcel(450, 210, 140, 30)
BOX = Parcel(1_200, 300, 200, 150)
BERLIN = Destination("DE", "10115")


class QuoteTest(unittest.TestCase):
    def test_parts_add_up(self):
        given = quote(BOX, BERLIN)
        self.assertEqual(given, Quote(Service.STANDARD, 1_095, (Surcharge("fuel", 82),), 0))
        self.assertEqual((given.surcharge_cents, given.total_cents), (82, 1_177))

    def test_express_raises_the_base_before_surcharges(self):
        given = quote(BOX, BERLIN, Service.EXPRESS)
        self.assertEqual((given.base_cents, given.surcharge_cents, given.total_cents), (1_752, 131, 1_883))

    def test_invoices(self):
        cases = [
            (NOVEL, Destination("NL", "3511 LX"), 532),
            (NOVEL, Destination("NL", "8881 AA"), 1_199),
            (BOX, Destination("US"), 2_682),
            (Parcel(12_300, 1_250, 120, 120), Destination("PT", "1100-148"), 4_058),
        ]
        for parcel, destination, cents in cases:
            with self.subTest(destination=destination):
                self.assertEqual(quote(parcel, destination).total_cents, cents)

    def test_insurance(self):
        for declared_cents, cents in [(0, 0), (5_000, 0), (5_001, 150), (15_000, 150), (15_050, 151), (80_000, 800)]:
            with self.subTest(declared_cents=declared_cents):
                given = quote(BOX, BERLIN, declared_cents=declared_cents)
                self.assertEqual((given.insurance_cents, given.surcharge_cents), (cents, 82))

    def test_no_express_for_the_heavy_far_away(self):
        heavy = Parcel(20_001, 300, 300, 300)
        with self.assertRaisesRegex(ServiceUnavailable, r"^Express takes at most 20\.0 kg outside Europe\.$"):
            quote(heavy, Destination("JP"), Service.EXPRESS)
        self.assertEqual(quote(heavy, BERLIN, Service.EXPRESS).service, Service.EXPRESS)
        self.assertEqual([each.service for each in quotes(heavy, Destination("JP"))], [Service.STANDARD])

    def test_cheapest_first(self):
        self.assertEqual([each.service for each in quotes(BOX, BERLIN)], [Service.STANDARD, Service.EXPRESS])

    def test_errors_come_through(self):
        with self.assertRaises(UnknownCountry):
            quotes(BOX, Destination("XX"))
        with self.assertRaises(TooHeavy):
            quotes(Parcel(30_001, 300, 300, 300), BERLIN)

    def test_the_package_exports_it(self):
        for name in ("Destination", "Quote", "Service", "quote", "quotes"):
            self.assertIn(name, package.__all__)
            self.assertTrue(hasattr(package, name))
