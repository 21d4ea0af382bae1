"""Starts programs that do not outlive this one, however it ends. The kernel kills a child when the thread that started it ends (prctl(2),
PR_SET_PDEATHSIG); so one thread starts them all, and it lives as long as this process."""
import contextlib
import ctypes
import multiprocessing
import multiprocessing.managers
import os
import queue
import signal
import subprocess
import threading

# Becomes the program, unless this one has gone before the kernel was told.
_before = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"']
_all = []       # that were started and not yet seen to have ended; the starting thread alone changes it
_ended = False


class _Starter:
    def __init__(self):
        self.process, self.orders = os.getpid(), queue.SimpleQueue()
        threading.Thread(target=self.serve, name="children", daemon=True).start()

    def serve(self):
        while True:
            command, options, answer = self.orders.get()
            try:
                child = subprocess.Popen(command, **options)
            except BaseException as e:
                answer.put(e)
                continue
            _all[:] = [each for each in _all if each.returncode is None] + [child]
            if _ended:  # end() may have looked before this one was entered
                child.kill()
            answer.put(child)


_starter, _making = None, threading.Lock()


def _made_anew():
    global _making
    _making = threading.Lock()


os.register_at_fork(after_in_child=_made_anew)


def start(command, **options):
    """subprocess.Popen of it; the child's process is the program's."""
    global _starter
    if _ended:
        raise RuntimeError("nothing is started any more: this program was told to end")
    with _making:
        if _starter is None or _starter.process != os.getpid():  # a fork has no threads
            _starter = _Starter()
    answer = queue.SimpleQueue()
    _starter.orders.put(([*_before, str(os.getpid()), *command], options, answer))
    child = answer.get()
    if isinstance(child, BaseException):
        raise child
    return child


def end():
    """Kills them all, and starts no others. In a fork of the process whose they are it does nothing."""
    global _ended
    if _starter is None or _starter.process != os.getpid():
        return
    _ended = True
    running = [each for each in _all if each.returncode is None]
    for each in running:
        each.kill()
    for each in running:  # their files are free then
        with contextlib.suppress(subprocess.TimeoutExpired):
            each.wait(10)


def _follow(parent):
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _run(parent, target, args):
    _follow(parent)
    target(*args)


def fork(target, args):
    """A multiprocessing.Process of it. To be started by a thread that lives as long as it shall."""
    return multiprocessing.Process(target=_run, args=(os.getpid(), target, args), daemon=True)


def manager():
    """A multiprocessing.Manager, to be used in a `with`, likewise."""
    shared = multiprocessing.managers.SyncManager()
    shared.start(_follow, (os.getpid(),))
    return shared
