"""What is measured: each case is one form of tracing, in one mode."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from workload import DEPTH


class Mode(Enum):
    """The subscribers. Contenders are set up anew for each, in a process of its own."""

    RECORDED = "recorded"
    """An exporter that counts and keeps nothing, with batches as a user would have them."""
    OFF = "off"
    """No subscriber: the cost of tracing that is in a program but not on."""
    TAIL = "tail"
    """No exporter; one live tail on the thread itself, that counts."""


class Case(NamedTuple):
    """One form in one mode."""

    key: str
    form: str
    """The form of the contender that runs."""
    mode: Mode
    title: str
    spans: int = 1
    """How many spans one run makes."""
    nested: bool = True
    """Whether each turn happens inside a parent span."""
    attributed: bool = False
    """Whether each span carries an attribute."""


CASES = (
    Case("call", "call", Mode.RECORDED, "decorated call"),
    Case("root call", "root call", Mode.RECORDED, "decorated call, as a root", nested=False),
    Case("block", "block", Mode.RECORDED, "`with` and one attribute", attributed=True),
    Case(
        "root block",
        "root block",
        Mode.RECORDED,
        "`with` and one attribute, as a root",
        nested=False,
        attributed=True,
    ),
    Case("await", "await", Mode.RECORDED, "async function"),
    Case(
        "async block",
        "async block",
        Mode.RECORDED,
        "`async with` and one attribute",
        attributed=True,
    ),
    Case("generator", "generator", Mode.RECORDED, "generator of 10 items"),
    Case("exception", "exception", Mode.RECORDED, f"exception through {DEPTH} spans", spans=DEPTH),
    Case("lone exception", "lone exception", Mode.RECORDED, "exception through 1 span"),
    Case("entrypoint", "entrypoint", Mode.RECORDED, "entry point", nested=False),
    Case("instrumented", "instrumented", Mode.RECORDED, "instrumented call"),
    Case("off call", "call", Mode.OFF, "off: decorated call"),
    Case("off bare block", "bare block", Mode.OFF, "off: `with`"),
    Case("off block", "block", Mode.OFF, "off: `with` and one attribute"),
    Case("off await", "await", Mode.OFF, "off: async function"),
    Case("off generator", "generator", Mode.OFF, "off: generator of 10 items"),
    Case("off instrumented", "instrumented", Mode.OFF, "off: instrumented call"),
    Case("tail call", "call", Mode.TAIL, "live tail: decorated call"),
    Case("tail block", "block", Mode.TAIL, "live tail: `with` and one attribute", attributed=True),
)
