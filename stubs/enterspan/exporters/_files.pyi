# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The files that exporters and commands write.

`File` is opened late and appended to with unbuffered, undivided writes: nothing is lost when the
process is killed, nothing is written twice after a fork, and processes that share a file don't mix
their lines. `replace_files` writes whole files.
"""

from typing import Literal, TypeAlias

_Mode: TypeAlias = Literal["w", "a"]
