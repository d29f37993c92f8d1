"""The report as one HTML page that loads nothing: data in, text out."""

from bursar.views.report.page import report_page

__all__ = ["report_page"]
