"""Runs a program in this process as Python itself would run it.

Its arguments, search path, `__main__` module and tracebacks are unchanged: its definitions can be
pickled, and found by child processes of multiprocessing.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import io
import os
import pkgutil
import sys
from functools import partial
from importlib.machinery import (
    BuiltinImporter,
    ExtensionFileLoader,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.tracebacks import set_traceback
from enterspan._run.installed import (
    ForeignError,
    check_runs_here,
    command_names,
    command_path,
    interpreter_of,
    is_site,
    packages_beside,
    packages_of_command,
)
from enterspan._run.starts import program_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, TracebackType

    from typing_extensions import Self

    Loaded = tuple[dict[str, Any], CodeType, bytes | None]
    """The attributes of its module, its code, and its source if there is one."""


class ProgramError(Exception):
    """There is no such program; the text gives the reason."""


class Program:
    """A program that was found and not started yet."""

    __slots__ = (
        "_arguments",
        "_folder",
        "_is_archive",
        "_load",
        "_words",
        "module",
        "name",
        "packages",
    )

    def __init__(
        self,
        name: str,
        arguments: list[str],
        folder: str,
        load: Callable[[], Loaded],
        *,
        is_archive: bool = False,
        module: str | None = None,
        packages: tuple[str, ...] = (),
        words: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.module = module or name.partition(".")[0]
        self.packages = packages
        """The packages of its distribution, if it is installed."""
        self._arguments = arguments
        self._folder = folder
        self._load = load
        self._is_archive = is_archive
        self._words = tuple(words or arguments)
        """The words of the command line of Python."""

    @classmethod
    def found(cls, words: list[str]) -> Self:
        """The program that a command line names.

        `-m MODULE`, `-c CODE`, `-` (standard input), a path, or a command. Raises ProgramError if
        there is none.
        """
        first, *rest = words
        if first == "-m":
            return cls.of_module(rest[0], rest[1:])
        if first == "-c":
            return cls.of_code(rest[0], rest[1:])
        if first == "-":
            return cls.of_stdin(rest)
        command = None if _is_program(first) or _is_path(first) else command_path(first)
        return cls.at(first, rest) if command is None else cls.of_command(command, first, rest)

    @classmethod
    def at(cls, path: str, arguments: list[str]) -> Self:
        """The program in a file, or in a folder or archive that has a `__main__.py`.

        Raises ProgramError if there is none.
        """
        full = os.path.join(os.getcwd(), path)
        name = Path(os.path.abspath(full)).name
        if not Path(full).exists():
            raise ProgramError(f"can't open {path!r}: No such file or directory{_hint(path)}")
        finder: Any = pkgutil.get_importer(full)
        if finder is None:
            _check_readable(full, path)
            folder = str(Path(full).resolve().parent)
            packages = packages_of_command(name) if _is_command(full) else ()
            return cls(
                name, [path, *arguments], folder, lambda: _load_file(full), packages=packages
            )
        spec = finder.find_spec("__main__")
        if spec is None:
            raise ProgramError(f"can't find a __main__ module in {path!r}")
        return cls(name, [path, *arguments], full, lambda: _load_spec(spec), is_archive=True)

    @classmethod
    def of_command(cls, path: str, name: str, arguments: list[str]) -> Self:
        """The program that a command is, such as the scripts that pip installs.

        Raises ProgramError if it is not written in Python, or for another Python.
        """
        try:
            check_runs_here(path, name)
        except ForeignError as error:
            raise ProgramError(str(error)) from None
        return cls.at(path, arguments)

    @classmethod
    def of_module(cls, name: str, arguments: list[str]) -> Self:
        """The program of a module, or of a package with a `__main__` module.

        Raises ProgramError if there is none.
        """
        folder = str(Path.cwd())
        first = sys.path[:1]
        _enter_folder(folder)
        try:
            main, origin = _main_module_of(name)
        finally:  # what enterspan imports from here on may have the name of a module of the program
            if sys.path[:1] == [folder]:
                sys.path[:1] = first
        packages = packages_beside(main.partition(".")[0]) if is_site(origin) else ()
        return cls(
            name,
            ["-m", *arguments],
            folder,
            lambda: _load_module(main),
            module=main,
            packages=packages,
            words=["-m", name, *arguments],
        )

    @classmethod
    def of_code(cls, code: str, arguments: list[str]) -> Self:
        """The program of a text: `-c CODE`."""
        words = ["-c", code, *arguments]
        load = partial(_load_text, code.encode(), "<string>")
        return cls("-c", ["-c", *arguments], "", load, words=words)

    @classmethod
    def of_stdin(cls, arguments: list[str]) -> Self:
        """The program that comes from standard input."""
        return cls("-", ["-", *arguments], "", _load_stdin)

    def enter(self) -> None:
        """Set up the search path for its modules, without running it."""
        _enter_folder(self._folder, always=self._is_archive)

    def run(
        self,
        prepare: Callable[[ModuleType, CodeType, bytes | None], CodeType] | None = None,
    ) -> None:
        """Run the program. Its exceptions propagate, including SystemExit.

        `prepare` is called with its module, its code and its source, and returns the code to run.
        """
        module = ModuleType("__main__")
        if sys.version_info < (3, 14):
            module.__annotations__ = {}
        vars(module)["__builtins__"] = builtins
        before = sys.modules.get("__main__")
        _kept.append(before)  # Python goes on to use its dict, after the program, too
        for name in ("__main__", "__mp_main__"):  # the second is multiprocessing's, if loaded
            if sys.modules.get(name) is before:
                sys.modules[name] = module
        sys.argv = self._arguments
        # As without enterspan: programs start themselves anew with it.
        sys.orig_argv = [*sys.orig_argv[: program_at(sys.orig_argv)], *self._words]
        _enter_folder(self._folder, always=self._is_archive)
        _set_aside(self._folder)
        attributes, code, source = self._load()
        vars(module).update(attributes)
        if self._arguments[0] == "-m":
            self._arguments[0] = attributes["__file__"]
        if prepare is not None:
            code = prepare(module, code, source)
        if source is not None and self._arguments[0] == "-c":
            _show_lines(code.co_filename, source)
        exec(code, vars(module))
        if self._arguments[:1] == ["-"]:
            vars(module).pop("__file__", None)  # exit handlers have none of these either
            vars(module).pop("__cached__", None)


_kept: Final[list[Any]] = []
aside: Final[dict[str, ModuleType]] = {}
"""Modules that were removed from `sys.modules` for those of the program."""
_AT_START: Final = frozenset(
    {"abc", "codecs", "encodings", "genericpath", "importlib", "io", "ntpath", "os", "posixpath",
     "site", "stat", "types", "warnings", "zipimport", "_collections_abc", "_sitebuiltins"}
)  # fmt: skip
"""Modules that Python may import before it runs a program."""


def _set_aside(folder: str) -> None:
    """Remove modules that enterspan has imported, and of which the program's folder has another.

    The program imports its own, as without enterspan.
    """
    if sys.path[:1] != [folder]:
        return
    path = [folder or os.getcwd()]
    for name in {name.partition(".")[0] for name in list(sys.modules)} - _AT_START - {"enterspan"}:
        origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
        if type(origin) is not str or not os.path.isabs(origin):
            continue  # it is built in or frozen, and comes before those of folders
        found = PathFinder.find_spec(name, path)
        if found is None or found.origin is None:
            continue
        if os.path.realpath(found.origin) == os.path.realpath(origin):
            continue
        for other in [other for other in list(sys.modules) if other.partition(".")[0] == name]:
            aside[other] = sys.modules.pop(other)


_OUTER: Final = frozenset({"enterspan", "importlib", "_frozen_importlib", "zipimport"})
"""The files of the frames between this module and a program that is being loaded."""


def program_frames(traceback: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that is the program's own."""
    run = Program.run.__code__
    at = traceback
    while at is not None and at.tb_frame.f_code is not run:
        at = at.tb_next
    if at is None:
        return traceback
    at = at.tb_next
    while at is not None and _is_outer(at):
        at = at.tb_next
    return at


def _is_outer(traceback: TracebackType) -> bool:
    name = str(traceback.tb_frame.f_globals.get("__name__"))
    return name.partition(".")[0] in _OUTER


def hide_from_traceback() -> None:
    """Make the traceback that Python prints next begin in the program."""
    hook = sys.excepthook

    def show(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        sys.excepthook = hook
        own = program_frames(traceback)
        set_traceback(error, own)
        sys.last_traceback = own
        hook(kind, error, own)

    sys.excepthook = show


# --- where programs are found ---------------------------------------------------------------------


def _enter_folder(folder: str, *, always: bool = False) -> None:
    """Put the program's folder first on the search path, as Python does."""
    if not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
        sys.path[:1] = [folder]
    elif always:
        sys.path.insert(0, folder)


def _check_readable(path: str, name: str) -> None:
    if not Path(path).is_file():
        return  # a pipe, such as /dev/stdin: what is read of it is gone
    try:
        with io.open_code(path):
            interpreter_of(path, name)
    except ForeignError as error:
        raise ProgramError(str(error)) from None
    except OSError as error:
        raise ProgramError(f"can't open {name!r}: {error.strerror}") from None


def _is_program(path: str) -> bool:
    """Whether Python would run what lies at a path; a folder needs a main module."""
    place = Path(path)
    return place.is_file() or (place / "__main__.py").is_file()


def _is_path(word: str) -> bool:
    return os.sep in word or bool(os.altsep and os.altsep in word)


def _is_command(path: str) -> bool:
    """Whether a script is one of those beside this Python."""
    try:
        return os.path.samefile(os.path.dirname(path), os.path.dirname(sys.executable))
    except OSError:
        return False


def _hint(word: str) -> str:
    """Suggest what was meant by an unknown name."""
    from difflib import get_close_matches

    folder, _, name = word.rpartition("/")
    try:
        beside = [
            f"{folder}/{each.name}" if folder else each.name
            for each in Path(folder or ("/" if word.startswith("/") else ".")).iterdir()
            if each.suffix in (".py", ".pyz", ".zip") or (each / "__main__.py").is_file()
        ]
    except OSError:
        beside = []
    exact = [each for each in beside if each == word + ".py"]
    others = [] if folder else command_names()
    close = (
        exact or get_close_matches(word, beside, 1, 0.7) or get_close_matches(word, others, 1, 0.7)
    )
    if close:
        return f"; did you mean {close[0]}?"
    if not folder and name.isidentifier() and _spec_of_top(name) is not None:
        return f"; did you mean -m {word}?"
    return ""


def _spec_of_top(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _close(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), 1, 0.7)
    return f"; did you mean {close[0]}?" if close else ""


def _main_module_of(name: str) -> tuple[str, str]:
    """The name and the path of the module to run; a package is run by its `__main__`."""
    spec = _spec_of(name)
    if spec is None:
        near = [] if "." in name else [info.name for info in pkgutil.iter_modules()]
        raise ProgramError(f"no module named {name!r}{_close(name, near)}")
    if spec.submodule_search_locations is not None:
        package, name = name, name + ".__main__"
        spec = _spec_of(name)
        if spec is None:
            raise ProgramError(f"no module named {name!r}: {package!r} is a package without one")
    if spec.origin == "built-in" or isinstance(spec.loader, ExtensionFileLoader):
        raise ProgramError(f"module {name!r} is not written in Python")
    return name, spec.origin or ""


def _spec_of(name: str) -> ModuleSpec | None:
    """Find a module; the packages it lies in are imported only if it can't be found otherwise.

    Importing them is part of running the program, and should be seen as such.
    """
    path = spec = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        spec = _ask_finders(".".join(parts[:end]), path)
        if spec is None:
            break
        path = spec.submodule_search_locations
        if path is None and end < len(parts):
            return None  # a module that is not a package has no submodules
    if spec is not None:
        return spec
    try:
        return importlib.util.find_spec(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError):
            return None
        raise ProgramError(f"can't find module {name!r}: {type(error).__name__}: {error}") from None


def _ask_finders(name: str, path: Any) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find: Any = getattr(finder, "find_spec", None)
        try:
            spec = find(name, path) if find is not None else None
        except Exception:  # in a namespace package, that is imported first
            return None
        if spec is not None:
            return spec  # type: ignore[no-any-return]
    return None


# --- how they are loaded --------------------------------------------------------------------------


def _load_file(path: str) -> Loaded:
    loader: Any = SourcelessFileLoader("__main__", path)
    code: CodeType | None = None
    if Path(path).is_file():  # what is read of a pipe is gone
        with io.open_code(path) as file:
            code = pkgutil.read_code(file)
    source = None
    if code is None:
        loader = SourceFileLoader("__main__", path)
        source = loader.get_data(path)
        code = compile(source, path, "exec", dont_inherit=True)
    return {"__file__": path, **_cached(None), "__loader__": loader}, code, source


def _load_text(source: bytes, name: str) -> Loaded:
    """Code that is not in a file."""
    code = compile(source, name, "exec", dont_inherit=True)
    return {"__loader__": BuiltinImporter}, code, source


def _show_lines(name: str, source: bytes) -> None:
    """Show the lines of `-c CODE` in tracebacks, as Python does from 3.13 on."""
    if sys.version_info >= (3, 13):
        import linecache

        lines = source.decode(errors="replace").splitlines(keepends=True)
        linecache.cache[name] = len(source), None, lines, name


def _load_stdin() -> Loaded:
    source = b"" if sys.stdin is None else sys.stdin.buffer.read()
    _, code, _ = _load_text(source, "<stdin>")
    return {"__file__": "<stdin>", **_cached(None), "__loader__": BuiltinImporter}, code, source


def _cached(path: str | None) -> dict[str, Any]:
    """The attribute `__cached__`, which modules have until Python 3.15."""
    return {"__cached__": path} if sys.version_info < (3, 15) else {}


def _load_module(name: str) -> Loaded:
    package = name.rpartition(".")[0]
    if package:
        importlib.import_module(package)
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return _load_spec(spec)


def _load_spec(spec: ModuleSpec) -> Loaded:
    loader: Any = spec.loader
    while type(loader).__module__.startswith("enterspan."):  # those are for imports
        loader = spec.loader = loader.__wrapped__
    code: CodeType | None = loader.get_code(spec.name)
    if code is None:
        raise ImportError(f"No code object available for {spec.name}", name=spec.name)
    attributes = {
        "__file__": spec.origin,
        **_cached(spec.cached),
        "__loader__": loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }
    return attributes, code, _source_at(loader, spec.origin)


def _source_at(loader: Any, path: str | None) -> bytes | None:
    """The source of a module; None for one that has none, such as a `.pyc`."""
    get_data: Any = getattr(loader, "get_data", None)
    if get_data is None or path is None or not path.endswith(".py"):
        return None
    try:
        data: bytes = get_data(path)
    except OSError:
        return None
    return data
