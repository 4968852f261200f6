"""Traces as HTML: reports, and the display of captured traces in notebooks."""

from enterspan._view.report.cell import cell_html
from enterspan._view.report.page import write_html

__all__ = ["cell_html", "write_html"]
