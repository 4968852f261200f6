"""Traces as HTML: a report that is one file, and what a notebook shows of a captured trace."""

from enterspan._view.report.cell import cell_html
from enterspan._view.report.page import write_html

__all__ = ["cell_html", "write_html"]
