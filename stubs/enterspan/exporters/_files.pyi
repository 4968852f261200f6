# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Files that exporters and commands write.

`File` is opened late and appended to, each write in one piece and unbuffered: nothing is lost when
the process is killed, nothing is written twice after a fork, and processes that share a file write
their lines side by side. `replace_files` writes whole files.
"""

from typing import Literal, TypeAlias

_Mode: TypeAlias = Literal["w", "a"]
