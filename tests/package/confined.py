#!/usr/bin/env python3
"""Runs a command confined as the unit says, where there is no systemd to do it: confined.py CALLS COMMAND...
CALLS is a file of the system calls that may be made: any other ends the process, and so do code that is written and run, and sockets of other kinds."""
import ctypes
import os
import re
import socket
import subprocess
import sys

KILL, ALLOW = 0x80000000, 0x7FFF0000
WRITE, EXEC = 2, 4
EQUAL, MASKED_EQUAL = 4, 7


class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def calls(unit):
    """What its SystemCallFilter lines leave, by systemd's own lists."""
    sets = {}
    for line in subprocess.run(["systemd-analyze", "syscall-filter"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.splitlines():
        if line.startswith("@"):
            sets[line.strip()] = into = []
        elif line.startswith("    ") and not line.strip().startswith("#"):
            into.append(line.strip())

    def named(word):
        return set().union(*map(named, sets[word])) if word.startswith("@") else {word}

    left = named("@default")
    with open(unit) as f:
        for line in re.findall(r"^SystemCallFilter=(.*)", f.read(), re.MULTILINE):
            words = set().union(*map(named, line.lstrip("~").split()))
            left = left - words if line.startswith("~") else left | words
    return left


class Filter:
    def __init__(self, otherwise):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
        self.lib.seccomp_load.argtypes = [ctypes.c_void_p]
        self.context = self.lib.seccomp_init(ctypes.c_uint32(otherwise))

    def add(self, action, name, *comparisons):
        number = self.lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:  # of another kernel
            return
        rows = (Compare * max(1, len(comparisons)))(*comparisons)
        if (failed := self.lib.seccomp_rule_add_array(self.context, action, number, len(comparisons), rows)) != 0:
            raise OSError(-failed, os.strerror(-failed), name)

    def load(self):
        if (failed := self.lib.seccomp_load(self.context)) != 0:
            raise OSError(-failed, os.strerror(-failed))


def confine(allowed):
    only = Filter(KILL)
    for name in allowed:
        only.add(ALLOW, name)
    more = Filter(ALLOW)  # MemoryDenyWriteExecute, RestrictAddressFamilies
    more.add(KILL, "mmap", Compare(2, MASKED_EQUAL, WRITE | EXEC, WRITE | EXEC))
    more.add(KILL, "mprotect", Compare(2, MASKED_EQUAL, EXEC, EXEC))
    kept = sorted({socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK})
    for family in range(64):
        if family not in kept:
            more.add(KILL, "socket", Compare(0, EQUAL, family, 0))
    more.load()
    only.load()


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        names = f.read().split()
    confine(names)
    os.execvp(sys.argv[2], sys.argv[2:])
