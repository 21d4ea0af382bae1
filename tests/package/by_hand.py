#!/usr/bin/env python3
"""Runs inside of a fresh root: does by hand what systemd does with the unit (its user, its commands, a notify socket), where there is no systemd.
by_hand.py COMMAND...   each COMMAND is a shell's, run while the service is up; its output is printed. Ends with how long the start took.
Where there is /tmp/calls, no other system calls may be made than it lists (confined.py)."""
import configparser
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time

UNIT = "/lib/systemd/system/consul-actord.service"
LONGEST = 120


def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read(UNIT)
    return parser["Service"]


def heard(process, manager, word):
    """Waits until the service says so."""
    until = time.monotonic() + LONGEST
    said = []
    while time.monotonic() < until:
        ended = process.poll()
        try:
            said += manager.recv(4096).decode().split("\n")
        except TimeoutError:
            if ended is not None:
                raise SystemExit(f"the service ended with {ended}") from None
            continue
        if word in said:
            return said
    raise SystemExit(f"the service did not say {word} within {LONGEST} s, but {said}")


def main():
    service = unit()
    assert service["Type"] == "notify", service["Type"]
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.settimeout(1)
    manager.bind("/tmp/notify")
    os.chmod("/tmp/notify", 0o777)
    as_user = ["setpriv", f"--reuid={service['User']}", f"--regid={service['Group']}", "--init-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    if os.path.exists("/tmp/calls"):
        as_user += ["python3", "/tmp/confined.py", "/tmp/calls"]
    run = os.path.join("/run", service["RuntimeDirectory"])
    os.makedirs(run, exist_ok=True)
    shutil.chown(run, service["User"], service["Group"])
    subprocess.run([*as_user, *shlex.split(service["ExecStartPre"])], check=True, cwd="/")
    began = time.monotonic()
    with open("/tmp/log", "ab") as log:
        process = subprocess.Popen([*as_user, *shlex.split(service["ExecStart"])], stdout=log, stderr=log, cwd="/", umask=0o077,
                                   env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": "/tmp/notify"})
    try:
        heard(process, manager, "READY=1")
        took = time.monotonic() - began
        subprocess.run(shlex.split(service["ExecReload"].replace("${MAINPID}", str(process.pid)).replace("$MAINPID", str(process.pid))), check=True)
        heard(process, manager, "RELOADING=1")
        heard(process, manager, "READY=1")
        for command in sys.argv[1:]:
            print(subprocess.run(command, shell=True, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST).stdout, end="", flush=True)
        process.terminate()
        heard(process, manager, "STOPPING=1")
        ended = process.wait(LONGEST)
        assert str(ended) in ("0", *service["SuccessExitStatus"].split()), f"to be told to stop is a failure: {ended}"
    except BaseException:
        process.kill()
        print(open("/tmp/log", errors="replace").read()[-2000:])
        raise
    finally:
        os.unlink("/tmp/notify")
    print(f"ready after {took:.2f} s")


if __name__ == "__main__":
    main()
