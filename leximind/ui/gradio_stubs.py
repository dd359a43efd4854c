"""Gradio without its stubs for editors: a third of the time that importing it takes.

On import, Gradio 6.31 parses the source of each component twice and writes ``.pyi`` files beside it
(``create_or_modify_pyi`` in its ``component_meta.py``). Nothing that runs reads them.
"""

from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


class StubsLeftOut(MetaPathFinder):
    """Finds the one module that writes stubs, and leaves all others to Python's own finders."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return spec
        return spec_from_file_location(fullname, spec.origin, loader=_Loader(fullname, spec.loader.path))


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if hasattr(module, FUNCTION):  # another version of Gradio may write them in another way, or not
            setattr(module, FUNCTION, _write_nothing)


def _write_nothing(component: type, name: str, events: object) -> None:
    """In the place of ``create_or_modify_pyi``."""
