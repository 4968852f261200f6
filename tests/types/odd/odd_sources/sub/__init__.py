from .inner import thing as thing
from . import inner
from .. import alls
from ..alls import one as uno
