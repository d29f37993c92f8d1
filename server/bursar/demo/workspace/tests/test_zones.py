import unittest

from parcel.errors import UnknownCountry
from parcel.zones import Zone, zone_for


class ZoneTest(unittest.TestCase):
    def test_home(self):
        self.assertEqual(zone_for("NL"), Zone.HOME)

    def test_case_does_not_matter(self):
        self.assertEqual(zone_for("de"), Zone.EUROPE)
        self.assertEqual(zone_for("Us"), Zone.WORLD)

    def test_unknown_country_is_shown_as_given(self):
        with self.assertRaisesRegex(UnknownCountry, "'xx'"):
            zone_for("xx")
