"""Notes which of the base's modules the code imports itself, and how long they take."""

import sys
import time

_MOST = 31
_WORTH = 0.0003  # seconds


class Watch:
    """Sees every import first, from its making to end()."""

    def __init__(self, own):
        self._own = tuple(folder.rstrip("/") + "/" for folder in own)
        self._began = []
        sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        if frame is not None and frame.f_code.co_filename.startswith(self._own):
            self._began.append((name, time.perf_counter()))
        return None

    def end(self):
        """The modules that took longest, json with them since every event needs it."""
        sys.meta_path[:] = [f for f in sys.meta_path if f is not self]
        times = [t for _, t in self._began[1:]] + [time.perf_counter()]
        # Until the code's next import: what it does itself in between is little.
        took = {name: end - began for (name, began), end in zip(self._began, times) if self._of_base(name)}
        names = sorted((n for n in took if took[n] >= _WORTH), key=took.get, reverse=True)
        return ["json"] + [n for n in names if n != "json"][:_MOST]

    def _of_base(self, name):
        spec = getattr(sys.modules.get(name), "__spec__", None)
        origin = getattr(spec, "origin", None)
        return bool(origin) and origin.startswith("/") and not origin.startswith(self._own)
