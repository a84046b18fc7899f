"""Prints what a process can tell of its own beginning, as JSON; the modules that
a zygote would have loaded are imported here by everybody."""
import asyncio, concurrent.futures, decimal, json, logging, random, ssl, tempfile, threading, uuid
import atexit, gc, locale, os, resource, signal, sys, time


def link(fd):
    try:
        return os.readlink("/proc/self/fd/" + fd).split(":")[0]
    except OSError:
        return "the listing"


main = sys.modules["__main__"]
same = {
    "argv": [os.path.basename(a) for a in sys.argv],
    "orig_argv": [os.path.basename(a) for a in getattr(sys, "orig_argv", [])],
    "flags": str(sys.flags),
    "environ": dict(os.environ),
    "cwd": os.getcwd() == os.path.dirname(os.path.abspath(__file__)),
    "path": [p if p != os.path.dirname(os.path.abspath(__file__)) else "HERE" for p in sys.path],
    "meta_path": [getattr(f, "__name__", type(f).__name__) for f in sys.meta_path],
    "main": [__name__, os.path.basename(__file__), main.__spec__ is None, type(main.__loader__).__name__, main.__dict__ is globals(), main.__cached__],
    "builtins": sorted(vars(__builtins__)),
    "files": {fd: link(fd) for fd in sorted(os.listdir("/proc/self/fd"))},
    "inheritable": [os.get_inheritable(fd) for fd in (0, 1, 2)],
    "signals": {s.name: str(signal.getsignal(s)) for s in signal.Signals},
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": [t.name for t in threading.enumerate()],
    "native id": threading.main_thread().native_id == os.getpid() == threading.get_native_id(),
    "tasks": len(os.listdir("/proc/self/task")),
    "leads a session": os.getsid(0) == os.getpid() == os.getpgid(0),
    "user": [os.getuid(), os.geteuid(), os.getgid(), sorted(os.getgroups())],
    "umask": os.umask(0o22),
    "limits": {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_")},
    "status": [l.split() for l in open("/proc/self/status") if l.startswith(("Cap", "NoNew", "Seccomp", "SigP", "SigB", "SigI", "SigC"))],
    "stdout": [sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering, sys.stdout.write_through, sys.stdin.encoding],
    "encodings": [sys.getfilesystemencoding(), locale.getpreferredencoding(False)],
    "zone": [time.tzname, time.localtime(0).tm_hour],
    "cpu": time.process_time() < 2 and time.thread_time() < 2,
    "gc": [gc.isenabled(), gc.get_freeze_count(), gc.get_threshold()],
    "tempfile": [tempfile.tempdir, tempfile._name_sequence],
    "uuid": [uuid._node, uuid._last_timestamp],
    "logging": [str(h) for h in logging.getLogger().handlers],
    "recursion": sys.getrecursionlimit(),
    "executable": os.path.basename(sys.executable),
}
drawn = [random.random(), random.Random().random(), ssl.RAND_bytes(8).hex(), uuid.uuid4().hex, uuid.uuid1().hex, hash("rouse"), next(tempfile._get_candidate_names())]
if "numpy" in sys.modules or os.environ.get("WITH_NUMPY"):
    import numpy

    drawn.append(numpy.random.random())
atexit.register(print, "at exit")
print(json.dumps({"same": same, "drawn": drawn}))
print(sum(asyncio.run(asyncio.sleep(0, [1])), concurrent.futures.ThreadPoolExecutor().submit(int, "1").result()))
raise ValueError("uncaught")
