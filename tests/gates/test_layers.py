"""No module imports itself by way of others."""

from __future__ import annotations

import graphlib

import grimp


def test_there_is_no_circle_between_modules():
    """Imports for type checkers count, and those inside functions, and a package's own file.

    The contracts look at the modules and folders of one folder; a package's `__init__` and what
    lies in the package are compared here alone.
    """
    graph = grimp.build_graph("enterspan")
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) > 50
    graphlib.TopologicalSorter(imports).prepare()
