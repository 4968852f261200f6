"""The span catalogue: spans declared once, and a typed module generated from them."""

from enterspan.catalogue.errors import CatalogueError as CatalogueError
from enterspan.catalogue.generation import generate as generate
from enterspan.catalogue.spans import CatalogueScope as CatalogueScope
from enterspan.catalogue.spans import CatalogueSpan as CatalogueSpan
from enterspan.catalogue.spans import span_of as span_of
# internal: generated modules import it, and its source has the types
