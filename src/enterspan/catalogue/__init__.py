"""The span catalogue: spans declared once, and a typed module made of them."""

from enterspan.catalogue.declarations import Catalogue as Catalogue
from enterspan.catalogue.declarations import read_catalogue as read_catalogue
from enterspan.catalogue.errors import CatalogueError as CatalogueError
from enterspan.catalogue.module import generate as generate
from enterspan.catalogue.module import render as render
from enterspan.catalogue.spans import CatalogueScope as CatalogueScope
from enterspan.catalogue.spans import CatalogueSpan as CatalogueSpan
