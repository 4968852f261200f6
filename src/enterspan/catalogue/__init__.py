"""The span catalogue: spans declared once, and a typed module generated from them.

The generator is imported on first access: a generated module imports this package when the program
starts.
"""
# internal: generated modules import it, and its source has the types

from enterspan._model.late import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enterspan.catalogue.errors import CatalogueError as CatalogueError
    from enterspan.catalogue.generation import generate as generate
    from enterspan.catalogue.spans import span_of as span_of  # internal: of older modules

__all__ = ["CatalogueError", "generate", "span_of"]

_HOMES = {"errors": "CatalogueError", "generation": "generate", "spans": "span_of"}

if not TYPE_CHECKING:  # type checkers would accept any name
    __getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
