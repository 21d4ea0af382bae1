"""How long a test waits. ACTORD_PATIENCE, in seconds, is the longest that it waits for any one thing: for runs against a server that will never
answer. ACTORD_TEST_LIMIT is when a test that hangs ends, by itself and with what it started."""
import faulthandler
import os
import signal
import sys
import threading
import time

import children

_most = float(os.environ.get("ACTORD_PATIENCE") or "inf")
LIMIT = int(os.environ.get("ACTORD_TEST_LIMIT") or 2400)
LAST = 60  # seconds that are left for what ends the servers


class Hung(Exception):
    pass


def patience(seconds, times=1):
    """So many times as long for what happens seldom, such as a start."""
    return min(seconds, _most * times)


def _hung(*_):
    print(f"the test hangs: it has run for {LIMIT} s", flush=True)
    faulthandler.dump_traceback(file=sys.stdout, all_threads=True)
    signal.signal(signal.SIGALRM, _end)
    signal.alarm(LAST)
    raise Hung(f"not done within {LIMIT} s")


def _end(*_):
    print("0 passed, 1 failed", flush=True)
    os._exit(1)


def _told_to_end(*_):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, _end)
    signal.alarm(LAST)
    children.end()
    sys.exit(128 + signal.SIGTERM)


def _wake_main(told):
    """A signal that comes just before the main thread begins to wait for another one does not end that wait: Python would handle it afterwards."""
    main = threading.main_thread().ident
    while True:
        if os.read(told, 1)[0] != signal.SIGURG:
            for pause in (0.01, 0.1, 1):
                time.sleep(pause)
                signal.pthread_kill(main, signal.SIGURG)


def limit_time(seconds=LIMIT):
    """Hung is raised in the main thread when the program runs for so long. SIGTERM ends what was started, and then the program by way of its `finally`s."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    signal.signal(signal.SIGURG, lambda *_: None)
    threading.Thread(target=_wake_main, args=(told,), name="wakes main", daemon=True).start()
    signal.signal(signal.SIGALRM, _hung)
    signal.signal(signal.SIGTERM, _told_to_end)
    signal.alarm(seconds)
