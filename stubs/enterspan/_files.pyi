# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Files that exporters write to: opened late, replaced or continued, whole through forks.

What is written goes out in one piece and unbuffered. So nothing is lost when the process is killed,
nothing is written twice when it forks, and what parent and child write stands side by side.
"""

from typing import Literal, TypeAlias

_Mode: TypeAlias = Literal["w", "a"]
