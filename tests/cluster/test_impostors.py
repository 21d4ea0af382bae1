#!/usr/bin/env python3
"""Every test of this folder, many of their parts by themselves, and the conformance runs, against programs that do nothing right
(tests/support/impostor): each must fail, in bounded time, and leave neither a process nor a file behind; some are told to end, and killed, in the
middle, and what they started must end with them.
test_impostors.py [--all] [--only WORD] [--jobs N] [-v]"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from agent import children
from one_part import PARTS

FOLDER = os.path.dirname(os.path.abspath(__file__))
IMPOSTOR = os.path.join(os.path.dirname(FOLDER), "support", "impostor")
CONFORMANCE = os.path.join(os.path.dirname(FOLDER), "conformance", "check.py")
KINDS = ["errors", "silent", "empty", "errors-later", "silent-later", "empty-later", "forgets-later"]
FORGETS = KINDS[-1]
LATER = [kind for kind in KINDS if kind.endswith("-later")]
NO_SERVER = {"test_linear": "judges histories, and starts no server", "test_impostors": "this one"}
PATIENCE = 3  # seconds that the tests wait for any one thing
LITTLE = 0.5  # the same for a conformance run, which waits for thousands
LIMIT, LONG_LIMIT = 120, 600  # seconds after which a test, and a conformance run, hangs
LEAST = 95    # of a hundred conformance checks so many fail: the rest are commands that are refused with words of which one kind is like another


def programs(every):
    """(name, command, kind); what takes long comes first. Without `every` conformance is played to one alone of those that are ready first,
    and tests whose parts are run are not."""
    conformance = [CONFORMANCE, "--jobs", "30", "--binary", IMPOSTOR]
    for kind in KINDS:
        if every or kind not in LATER or kind == "errors-later":
            yield "conformance", conformance, kind
        if every or kind not in LATER:
            yield "conformance_client", [*conformance, "--client"], kind
    for path in sorted(glob.glob(os.path.join(FOLDER, "test_*.py"))):
        name = os.path.basename(path)[:-3]
        if name not in NO_SERVER:
            for kind in KINDS:
                if every or name not in PARTS or kind not in LATER or kind == FORGETS:
                    yield name, [path], kind
    for module, functions in PARTS.items():
        for function in functions:
            for kind in LATER if every or module == "one_part" else LATER[:-1]:
                yield f"{module}.{function}", [os.path.join(FOLDER, "one_part.py"), module, function], kind


def marked(mark):
    """Processes of the run that has this mark in its environment."""
    found = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as f:
                if mark.encode() in f.read().split(b"\0"):
                    found.append(int(path.split("/")[2]))
        except OSError:
            pass
    return found


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as f:
            return f.read().replace("\0", " ").strip()[:100]
    except OSError:
        return "?"


def clean_up(mark, folder):
    """What the test left behind, as text; it is gone afterwards."""
    left, until = marked(mark), time.monotonic() + 3
    while left and time.monotonic() < until:  # who was told to end may need a moment
        time.sleep(0.1)
        left = marked(mark)
    words = [f"process {command_of(pid)}" for pid in left]
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for path in subprocess.run(["findmnt", "-rno", "TARGET"], capture_output=True, text=True).stdout.split():
        if path.startswith(folder):
            words.append(f"mount {path}")
            subprocess.run(["umount", path], check=False)
    words += [f"file {name}" for name in os.listdir(folder)]
    shutil.rmtree(folder, ignore_errors=True)
    return ", ".join(words[:4])


class Run:
    def __init__(self, name, command, kind):
        self.name, self.kind = name, kind
        folder = tempfile.mkdtemp(prefix="actord-impostor-")
        long = name.startswith("conformance")
        patience, limit = LITTLE if long else PATIENCE, LONG_LIMIT if long else LIMIT
        mark = f"ACTORD_RUN={os.getpid()}-{name}-{kind}"
        environment = {**os.environ, "ACTORD_BINARY": IMPOSTOR, "ACTORD_IMPOSTOR": kind, "ACTORD_PATIENCE": str(patience), "ACTORD_TEST_LIMIT": str(limit),
                       "TMPDIR": folder, "ACTORD_RUN": mark.partition("=")[2]}
        began, self.hung = time.monotonic(), False
        p = children.start(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        try:
            self.text = p.communicate(timeout=limit + 90)[0]
        except subprocess.TimeoutExpired:
            self.hung = True
            p.kill()
            self.text = p.communicate()[0]
        self.code, self.seconds = p.returncode, time.monotonic() - began
        self.left = clean_up(mark, folder)
        counted = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", self.text, re.MULTILINE)
        self.passed, self.failed, self.skipped = (int(n or 0) for n in counted[-1]) if counted else (0, 0, 0)
        self.counted = bool(counted)
        self.hung = self.hung or "the test hangs" in self.text

    def verdict(self):
        """Empty when the test did what it should."""
        if self.hung:
            return "hangs"
        if not self.counted:
            return f"ended with {self.code} and no count"
        if self.skips():
            return ""
        if self.failed == 0 or self.code == 0:
            return f"PASSES ({self.passed} passed, {self.failed} failed, exit {self.code})"
        if self.passed * 100 > (self.passed + self.failed) * (100 - LEAST):
            return f"{self.passed} of {self.passed + self.failed} checks pass"
        return f"leaves behind {self.left}" if self.left else ""

    def skips(self):
        """The whole of it cannot be done on this machine."""
        return self.skipped > 0 and self.failed == 0 and self.passed == 0

    def why(self):
        """The first words of what the test found wrong."""
        found = re.search(r"^FAIL(?:ED)?:? +(.*)", self.text, re.MULTILINE)
        return found[1][:110] if found else self.text.strip().split("\n")[0][:110]


class Interrupted:
    """A test that is told to end, or killed, once it has started a server: nothing that it started outlives it. Who is told leaves no file either."""

    def __init__(self, name, command, how):
        self.name, self.kind, self.text, self.passed = name, how.name, "", 0
        folder = tempfile.mkdtemp(prefix="actord-impostor-")
        mark = f"ACTORD_RUN={os.getpid()}-{name}-{how.name}"
        environment = {**os.environ, "ACTORD_BINARY": IMPOSTOR, "ACTORD_IMPOSTOR": "silent-later", "TMPDIR": folder, "ACTORD_RUN": mark.partition("=")[2]}
        began = time.monotonic()
        p = children.start(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while p.poll() is None and sum(" agent " in command_of(pid) for pid in marked(mark)) == 0 and time.monotonic() - began < LIMIT:
            time.sleep(0.05)
        self.begun = p.poll() is None
        p.send_signal(how)
        try:
            self.hung = p.wait(LIMIT) is None
        except subprocess.TimeoutExpired:
            self.hung = True
            p.kill()
        left = clean_up(mark, folder).split(", ")
        self.left = ", ".join(words for words in left if how == signal.SIGTERM or words.startswith("process"))
        self.seconds = time.monotonic() - began

    def verdict(self):
        return "ended by itself" if not self.begun else "hangs" if self.hung else f"leaves behind {self.left}" if self.left else ""

    def skips(self):
        return False

    def why(self):
        return "and takes with it what it started"


def interrupted():
    for name, command in (("conformance", [CONFORMANCE, "--binary", IMPOSTOR]), ("test_three", [os.path.join(FOLDER, "test_three.py")]),
                          ("test_agent_disk", [os.path.join(FOLDER, "test_agent_disk.py")])):
        for how in (signal.SIGTERM, signal.SIGKILL):
            yield name, command, how


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--all", action="store_true", help="also what takes long")
    p.add_argument("--only", default="")
    p.add_argument("--jobs", type=int, default=8 * (os.cpu_count() or 1))
    p.add_argument("-v", action="store_true", help="print all that a wrong test said")
    options = p.parse_args()
    todo = [(Run, *one) for one in programs(options.all)] + [(Interrupted, *one) for one in interrupted()]
    todo = [one for one in todo if options.only in one[1]]
    wrong = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for run in pool.map(lambda one: one[0](*one[1:]), todo):
            verdict = run.verdict()
            print(f"{run.name:44} {run.kind:13} {run.seconds:6.1f} s  {'WRONG: ' + verdict if verdict else 'cannot be run here' if run.skips() else 'ends, ' + run.why() if isinstance(run, Interrupted) else 'fails: ' + run.why()}", flush=True)
            if verdict and options.v:
                print("    " + "\n    ".join(run.text.split("\n")[-60:]))
            wrong += bool(verdict)
            if run.skips():
                skipped += 1
                print("\n".join(line for line in run.text.split("\n") if line.startswith("skipped: ")))
    print(f"{len(todo) - wrong - skipped} passed, {wrong} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if wrong or not todo else 0


if __name__ == "__main__":
    sys.exit(main())
