"""How a span's name becomes a method's, and an attribute's name a parameter's.

Letters, digits and underscores stay as they are. Each run of other characters becomes one
underscore; those at either end go, and so do leading underscores: such a name would be private. A
keyword of Python gets an underscore at its end. `checkout.pay` becomes `checkout_pay`,
`GET /cart/{id}` becomes `GET_cart_id`, `import` becomes `import_`.
"""

from __future__ import annotations

import keyword
import re
from typing import Final

RESERVED_METHODS: Final = frozenset(
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

RESERVED_PARAMETERS: Final = frozenset({"self"})
"""A method has this parameter already."""

_OTHERS: Final = re.compile(r"\W+")


def identifier_of(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """The identifier that the rule makes of a name; it may be empty, or begin with a digit."""
    found = _OTHERS.sub(" ", name).strip().replace(" ", "_").lstrip("_")
    return found + "_" if keyword.iskeyword(found) or found in reserved else found


def is_public_identifier(text: str) -> bool:
    """Whether a text can be the name of a method or a parameter that others may use."""
    return text.isidentifier() and not text.startswith("_") and not keyword.iskeyword(text)
