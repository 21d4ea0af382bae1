"""Finds the case files. A group is one module in cases/: `cases`, and optionally `hcl` for its server."""

import importlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

FOLDER = os.path.dirname(os.path.abspath(__file__))


def load(only):
    """[(name, module, cases)] of the groups; `only` keeps groups, or cases, whose name holds one of the words."""
    sys.path.insert(0, os.path.join(FOLDER, "cases"))
    found = []
    for file in sorted(os.listdir(os.path.join(FOLDER, "cases"))):
        if not file.endswith("_cases.py"):
            continue
        name = file[:-len("_cases.py")]
        module = importlib.import_module(file[:-3])
        cases = [c for c in module.cases if not only or any(w in f"{name}/{c['name']}" for w in only)]
        names = [c["name"] for c in module.cases]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise SystemExit(f"{file}: two cases are called {twice}")
        if cases:
            found.append((name, module, cases))
    return found


def in_parallel(groups, work, jobs):
    """Runs work(name, module, cases) for every group, a few at a time; the results come in the groups' order."""
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(work, *group) for group in groups]
        try:
            for group, future in zip(groups, futures):
                yield group[0], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # of those that have not begun, when this one was told to end
