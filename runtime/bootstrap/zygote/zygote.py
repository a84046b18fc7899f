"""Becomes a function's process by a fork: python [OPTION...] -c THIS CONTROL TASK MODULE...

It imports the modules, says so on the descriptor CONTROL, and waits for a
command line. Then it forks: the parent is gone at once, and the child is made
what an interpreter that has just been started with that command line would be,
with the modules loaded. No code but the base image's runs before the fork, and
there is one fork only, so that no two processes share what one of them drew.

The agent that started it (runtime/agent/zygote.go) speaks first words and last:

    ready | refused REASON          what became of the imports
                       COMMAND  <-  with two descriptors: stdout and stderr
    forked PID                      from the child, in a session of its own
                            go  <-  once the agent knows the child as the function

It runs on Python 3.8 and later, and imports next to nothing itself.
"""

import _socket
import os
import sys

_FORKED = 75  # the exit status of a parent that has done its part


def main():
    control = _socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    task, names = sys.argv[2], sys.argv[3:]
    refusal = _load(names, task, control.fileno())
    if refusal:
        control.send(b"refused " + refusal.encode("utf-8", "replace")[:2000])
        os._exit(1)
    control.send(b"ready")
    command, ancillary, _, _ = control.recvmsg(1 << 17, _socket.CMSG_SPACE(8))
    if not command:
        os._exit(0)
    if os.fork():
        os._exit(_FORKED)
    os.setsid()
    control.send(b"forked %d" % os.getpid())
    if control.recv(16) != b"go":
        os._exit(1)
    control.close()
    _become(command, ancillary)


def _load(names, task, control):
    """Imports names; returns what is wrong with one of them, or None."""
    import gc
    import importlib

    # What is here is the base's; what will be in the function's folder is not.
    here = sys.path[:]
    sys.path[:] = [p for p in sys.path if p not in ("", task)]
    without = sys.path[:]
    late = _Site() if sys.flags.no_site else None
    for name in names:
        try:
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                if late is None or late.ran:
                    raise
                late.run()
                importlib.import_module(name)
        except BaseException as error:
            return "module %s: it cannot be imported: %s: %s" % (name, type(error).__name__, error)
        if not _alone():
            return "module %s: it starts a thread, which a fork would lose" % name
        session = _session(control)
        if session:
            return "module %s: it opens a connection (%s), which two processes would share" % (name, session)
    if late is not None:
        late.undo()
    added = [p for p in sys.path if p not in without]
    sys.path[:] = here + added
    gc.collect()
    return None


class _Site:
    """The site module's work, which an interpreter with -S does only when it is asked to."""

    def __init__(self):
        self.ran = False
        self.paths, self.builtins = [], []

    def run(self):
        import builtins
        import site

        paths, names = sys.path[:], set(vars(builtins))
        site.main()
        self.ran = True
        self.paths = [p for p in sys.path if p not in paths]
        self.builtins = [n for n in vars(builtins) if n not in names]

    def undo(self):
        import builtins

        sys.path[:] = [p for p in sys.path if p not in self.paths]
        for name in self.builtins:
            delattr(builtins, name)


def _alone():
    """Whether no second thread runs; one that is about to end is waited for."""
    import time

    for _ in range(40):
        if len(os.listdir("/proc/self/task")) == 1:
            return True
        time.sleep(0.005)
    return False


def _session(control):
    """A socket that is open beside our own."""
    for fd in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue  # the listing's own
        if target.startswith("socket:") and int(fd) != control:
            return target
    return None


def _become(command, ancillary):
    """Turns a child that has just been forked into what command says, and runs it."""
    fields = command.split(b"\0")
    count, directory = int(fields[0]), fields[1]
    argv, env = fields[2 : 2 + count], fields[2 + count :]
    _output(ancillary)
    os.environ.clear()
    for pair in env:
        key, _, value = pair.partition(b"=")
        os.environb[key] = value
    import time

    time.tzset()
    os.chdir(directory)
    _renew()
    argv = [os.fsdecode(word) for word in argv]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = argv
    # The interpreter's own options are those that it was started with.
    script = next(i for i, word in enumerate(argv) if i and not word.startswith("-"))
    sys.argv[:] = argv[script:]
    _run(sys.argv[0])


def _output(ancillary):
    """Makes the two descriptors that came stdout and stderr."""
    received = ancillary[0][2]
    for target in (1, 2):
        fd = int.from_bytes(received[4 * target - 4 : 4 * target], sys.byteorder)
        os.dup2(fd, target)
        os.close(fd)


def _renew():
    """Forgets what modules drew or noted that should be this process' own.

    random, ssl, threading and logging see to themselves after a fork.
    """
    loaded = sys.modules.get
    if loaded("numpy.random.mtrand"):
        loaded("numpy.random.mtrand").seed()
    if loaded("uuid"):
        loaded("uuid")._node = loaded("uuid")._last_timestamp = None
    if loaded("tempfile"):
        loaded("tempfile")._name_sequence = loaded("tempfile").tempdir = None
    if loaded("threading"):
        renumber = getattr(loaded("threading").main_thread(), "_set_native_id", None)
        if renumber:
            renumber()


def _run(script):
    """Runs a file as the interpreter would: as __main__, its folder first in sys.path."""
    import builtins
    from importlib.machinery import SourceFileLoader

    if sys.path[:1] == [""]:  # which safe paths are without
        sys.path[0] = os.path.dirname(os.path.realpath(script))
    try:
        with open(script, "rb") as f:
            source = f.read()
    except OSError as error:
        sys.stderr.write("%s: can't open file '%s': [Errno %d] %s\n" % (sys.executable, script, error.errno, error.strerror))
        sys.exit(2)
    module = type(sys)("__main__")
    module.__builtins__, module.__loader__ = builtins, SourceFileLoader("__main__", script)
    module.__file__, module.__cached__ = script, None
    ours, sys.modules["__main__"] = sys.modules["__main__"], module  # ours goes on running
    try:
        exec(compile(source, script, "exec", dont_inherit=True), module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next  # without this frame
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


main()
