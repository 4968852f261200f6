"""The Python names of spans and attributes.

Letters, digits and underscores stay as they are. Each run of other characters becomes one
underscore. Underscores in front and those that replace characters at the end are removed. A Python
keyword gets an underscore at its end. `checkout.pay` becomes `checkout_pay`, `GET /cart/{id}`
becomes `GET_cart_id`, `import` becomes `import_`. Letters are normalized as Python does it (NFKC).
"""

import keyword
import unicodedata
from typing import Final

from enterspan.catalogue.spans import KEYWORDS

_TYPES: Final = frozenset({"bool", "float", "int", "list", "range", "str", "tuple"})
RESERVED_METHODS: Final[frozenset[str]] = _TYPES | {"SpanName", "tracing"}
"""Names that the generated module and its stub use."""

RESERVED_PARAMETERS: Final[frozenset[str]] = KEYWORDS | {"self"}
"""Names of parameters that methods have."""


def identifier_of(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """The identifier made from a name; it may be empty, or begin with a digit."""
    read = "".join([c if f"a{c}".isidentifier() else " " for c in as_read(name)])
    found = as_read("_".join(read.split()).lstrip("_"))
    return found + "_" if keyword.iskeyword(found) or found in reserved else found


def as_read(text: str) -> str:
    """An identifier as Python normalizes it."""
    return unicodedata.normalize("NFKC", text)


def is_public_identifier(text: str) -> bool:
    """Whether a string can be the name of a public method or parameter."""
    return text.isidentifier() and not text.startswith("_") and not keyword.iskeyword(text)
