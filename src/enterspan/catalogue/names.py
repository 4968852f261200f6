"""How a span's name becomes a method's, and an attribute's name a parameter's.

Letters, digits and underscores stay as they are. Each run of other characters becomes one
underscore; those at either end go, and so do leading underscores: such a name would be private. A
keyword of Python gets an underscore at its end. `checkout.pay` becomes `checkout_pay`,
`GET /cart/{id}` becomes `GET_cart_id`, `import` becomes `import_`. Letters are taken in the form
in which Python reads identifiers (NFKC).
"""

from __future__ import annotations

import keyword
import unicodedata
from typing import Final

RESERVED_METHODS: Final[frozenset[str]] = frozenset(
    {
        "SpanName",
        "TYPE_CHECKING",
        "annotations",
        "bool",
        "float",
        "int",
        "list",
        "range",
        "str",
        "tracing",
        "tuple",
    }
)
"""Names that the generated module needs for itself."""

RESERVED_PARAMETERS: Final[frozenset[str]] = frozenset({"self"})
"""A method has this parameter already."""


def identifier_of(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """The identifier that the rule makes of a name; it may be empty, or begin with a digit."""
    read = "".join([c if f"a{c}".isidentifier() else " " for c in as_read(name)])
    found = as_read("_".join(read.split()).lstrip("_"))
    return found + "_" if keyword.iskeyword(found) or found in reserved else found


def as_read(text: str) -> str:
    """An identifier as Python takes it."""
    return unicodedata.normalize("NFKC", text)


def is_public_identifier(text: str) -> bool:
    """Whether a text can be the name of a method or a parameter that others may use."""
    return text.isidentifier() and not text.startswith("_") and not keyword.iskeyword(text)
