"""Types of builtins and the standard library that are used without their stubs."""

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

_TYPING_ARITY: Final[Mapping[str, int]] = {
    **dict.fromkeys(("List", "Set", "FrozenSet", "AbstractSet", "Deque", "Counter", "Type"), 1),
    **dict.fromkeys(("Dict", "DefaultDict", "OrderedDict", "ChainMap"), 2),
    **dict.fromkeys(("IO", "Pattern", "Match", "ContextManager", "AsyncContextManager"), 1),
}
_ABC_ARITY: Final[Mapping[str, int]] = {
    **dict.fromkeys(("Container", "Collection", "Iterable", "Iterator", "Reversible"), 1),
    **dict.fromkeys(("Sequence", "MutableSequence", "Set", "MutableSet"), 1),
    **dict.fromkeys(("KeysView", "ValuesView", "MappingView"), 1),
    **dict.fromkeys(("Awaitable", "AsyncIterable", "AsyncIterator"), 1),
    **dict.fromkeys(("Mapping", "MutableMapping", "ItemsView", "AsyncGenerator"), 2),
    **dict.fromkeys(("Generator", "Coroutine"), 3),
}
_MORE_ARITY: Final[Mapping[str, int]] = {
    **dict.fromkeys(("enumerate", "zip", "map", "filter", "reversed"), 1),
    **dict.fromkeys(("re.Pattern", "re.Match", "contextvars.Token", "weakref.ref"), 1),
    **dict.fromkeys(("os.PathLike", "os.DirEntry", "array.array"), 1),
    **dict.fromkeys(("functools.partial", "functools.cached_property", "asyncio.Task"), 1),
    **dict.fromkeys(("subprocess.Popen", "subprocess.CompletedProcess"), 1),
    **dict.fromkeys(("logging.StreamHandler", "logging.LoggerAdapter"), 1),
    **dict.fromkeys(("csv.DictReader", "csv.DictWriter", "tempfile.TemporaryDirectory"), 1),
    "contextlib.AbstractContextManager": 1,
    "contextlib.AbstractAsyncContextManager": 1,
    **dict.fromkeys(("ExceptionGroup", "BaseExceptionGroup"), 1),
    "types.MappingProxyType": 2,
}
_TYPING: Final = ("typing", "typing_extensions")
BARE: Final[Mapping[str, str]] = {
    **{name: ", ".join(["{0}"] * count) for name, count in {**ARITY, **_MORE_ARITY}.items()},
    **{
        f"{module}.{name}": ", ".join(["{0}"] * count)
        for module in (*_TYPING, "collections.abc")
        for name, count in _ABC_ARITY.items()
    },
    **{
        f"{module}.{name}": ", ".join(["{0}"] * count)
        for module in _TYPING
        for name, count in _TYPING_ARITY.items()
    },
    **dict.fromkeys([f"{m}.Callable" for m in (*_TYPING, "collections.abc")], "..., {0}"),
    **dict.fromkeys(["tuple", *[f"{module}.Tuple" for module in _TYPING]], "{0}, ..."),
}
"""The arguments of generic classes that are written without any: `{0}` is the spelling of Any."""

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
