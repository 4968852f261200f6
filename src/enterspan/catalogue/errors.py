"""The error of the catalogue."""

from enterspan._model.toml import TomlError


class CatalogueError(TomlError):
    """A catalogue can't be used; the text is one line, with the file and the line if known."""
