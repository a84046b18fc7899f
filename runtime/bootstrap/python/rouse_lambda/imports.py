"""Puts off what most handlers never use.

Importing logging costs 7 ms and running the site module 3 to 30 ms, so the one
is configured when the handler imports it, and the other runs when a module is
not found without it.
"""

import os
import sys
from importlib.machinery import PathFinder


def prepare(here, task_root):
    """Makes sys.path what AWS's is, with the code first, and watches imports."""
    sys.path[:] = [p for p in sys.path if p != here]
    layers = "/opt/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
    sys.path[:0] = [task_root] + [p for p in (layers, "/opt/python") if os.path.isdir(p)]
    if "logging" in sys.modules:  # a .pth file got there first
        from rouse_lambda import logs

        logs.configure(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, _Early())
    if sys.flags.no_site:
        import site

        site.setquit()  # exit() and quit()
        sys.meta_path.append(_Late())


def _run_site():
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _Late)]
    import site

    site.main()


class _Early:
    """Sees every import first; looks at two."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "logging":
            sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _Early)]
            spec = PathFinder.find_spec(name, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _Configured(spec.loader)
            return spec
        if name == "importlib.metadata":
            # It lists what is installed without importing any of it.
            if any(isinstance(f, _Late) for f in sys.meta_path):
                _run_site()
        return None


class _Late:
    """Is asked for what nobody else found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        _run_site()
        return PathFinder.find_spec(name, path)


class _Configured:
    """Loads logging, then gives the root logger AWS's handler."""

    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        from rouse_lambda import logs

        logs.configure(module)
