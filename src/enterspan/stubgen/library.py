"""What is known of the builtins and the standard library without their stubs."""

from collections.abc import Mapping
from typing import Final

_ITERATORS: Final = [
    *("accumulate", "chain", "combinations", "combinations_with_replacement", "compress", "count"),
    *("cycle", "dropwhile", "filterfalse", "islice", "pairwise", "permutations", "product"),
    *("repeat", "starmap", "takewhile", "zip_longest"),
]

ARITY: Final[Mapping[str, int]] = {
    **dict.fromkeys(("list", "set", "frozenset", "collections.deque", "collections.Counter"), 1),
    **dict.fromkeys(("dict", "collections.defaultdict", "collections.OrderedDict"), 2),
    **dict.fromkeys(("weakref.WeakKeyDictionary", "weakref.WeakValueDictionary"), 2),
    **dict.fromkeys(("weakref.WeakSet", "contextvars.ContextVar", "queue.Queue"), 1),
    **dict.fromkeys(("queue.LifoQueue", "queue.SimpleQueue", "queue.PriorityQueue"), 1),
    **dict.fromkeys(("asyncio.Queue", "asyncio.Future", "concurrent.futures.Future"), 1),
    **dict.fromkeys(("collections.ChainMap", "itertools.groupby"), 2),
    **dict.fromkeys(("operator.attrgetter", "operator.itemgetter", "weakref.ProxyType"), 1),
    **dict.fromkeys([f"itertools.{name}" for name in _ITERATORS], 1),
}
"""The type parameters of classes that don't list them."""

BUILTIN_CALLS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("len", "hash", "id", "ord"), "int"),
    **dict.fromkeys(("repr", "ascii", "format", "chr", "hex", "oct", "bin", "input"), "str"),
    **dict.fromkeys(("isinstance", "issubclass", "hasattr", "callable", "any", "all"), "bool"),
    "dir": "list[str]",
}
LIBRARY_CALLS: Final[Mapping[str, str]] = {
    "logging.getLogger": "logging.Logger",
    "threading.Lock": "threading.Lock",
    "threading.RLock": "threading.RLock",
    "os.getcwd": "str",
    "os.getpid": "int",
    "os.getenv": "str | None",
    "os.environ.get": "str | None",
    "os.path.join": "str",
    "os.path.dirname": "str",
    "os.path.basename": "str",
    "os.path.abspath": "str",
    "os.path.exists": "bool",
    "os.path.isfile": "bool",
    "os.path.isdir": "bool",
    "time.time": "float",
    "time.monotonic": "float",
    "time.perf_counter": "float",
    "time.time_ns": "int",
    "textwrap.dedent": "str",
    "json.dumps": "str",
}
"""Functions of the standard library with one type, whatever their arguments are."""
TEXT_METHODS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        [
            "capitalize",
            "casefold",
            "center",
            "expandtabs",
            "format",
            "format_map",
            "join",
            "ljust",
            "lower",
            "lstrip",
            "replace",
        ],
        "Self",
    ),
    **dict.fromkeys(
        [
            "removeprefix",
            "removesuffix",
            "rjust",
            "rstrip",
            "strip",
            "swapcase",
            "title",
            "translate",
            "upper",
            "zfill",
        ],
        "Self",
    ),
    **dict.fromkeys(["split", "rsplit", "splitlines"], "list[Self]"),
    **dict.fromkeys(["partition", "rpartition"], "tuple[Self, Self, Self]"),
    **dict.fromkeys(
        ["startswith", "endswith", "isdigit", "isalpha", "isupper", "islower", "isspace"], "bool"
    ),
    **dict.fromkeys(["find", "rfind", "index", "rindex", "count"], "int"),
    "encode": "bytes",
    "decode": "str",
    "hex": "str",
}
