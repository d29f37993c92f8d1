import io
import unittest
from contextlib import redirect_stderr, redirect_stdout

from parcel.__main__ import main

TABLE = """\
service          base  surcharges   insurance       total
standard        10.95        0.82        0.00       11.77
express         17.52        1.31        0.00       18.83
"""


def run(*argv):
    """The exit code, standard output and standard error of one call."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as stop:
            code = stop.code
    return code, out.getvalue(), err.getvalue()


class CommandLineTest(unittest.TestCase):
    def test_table(self):
        self.assertEqual(run("1200", "300x200x150", "DE", "10115"), (0, TABLE, ""))
        self.assertEqual(run("1200", "150x300x200", "de"), (0, TABLE, ""))

    def test_declared_value(self):
        code, out, _ = run("1200", "300x200x150", "DE", "--value", "80.00")
        self.assertEqual(code, 0)
        self.assertIn("standard        10.95        0.82        1.50       13.27", out)
        self.assertEqual(run("1200", "300x200x150", "DE", "--value", "80")[1], out)

    def test_a_parcel_that_cannot_be_sent(self):
        self.assertEqual(run("1200", "300x200x150", "XX"), (1, "", "There is no delivery to 'XX'.\n"))
        self.assertEqual(run("0", "300x200x150", "DE"), (1, "", "The weight must be above 0 g, not 0.\n"))

    def test_arguments_that_cannot_be_read(self):
        for argv, argument in [
            (("1200", "300x200", "DE"), "sides"),
            (("1200", "300x200xwide", "DE"), "sides"),
            (("heavy", "300x200x150", "DE"), "weight"),
            (("1200", "300x200x150", "DE", "--value", "12.505"), "--value"),
            (("1200", "300x200x150", "DE", "--value", "nan"), "--value"),
            (("1200", "300x200x150", "DE", "--value", "-1"), "--value"),
        ]:
            with self.subTest(argv=argv):
                code, out, err = run(*argv)
                self.assertEqual((code, out), (2, ""))
                self.assertIn(f"argument {argument}", err)
