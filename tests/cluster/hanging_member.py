"""A client agent whose disk can be made to hang (tests/support/failing_writes)."""
import os
import subprocess

from agent import Agent, children, default_binary, free_ports

ALIVE, LEFT = 1, 3


def hanging_disk(folder, path):
    """The environment of a process for which whatever has `path` in its name hangs, once the file that is returned is there."""
    built = [os.path.dirname(default_binary()), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "release")]
    libraries = [os.path.join(each, "tests", "libfailing_writes.so") for each in built]  # the latter where an impostor runs
    library = next((each for each in libraries if os.path.exists(each)), None)
    assert library, f"{libraries[0]} is not built"
    trigger = os.path.join(folder, "hangs")
    # AddressSanitizer, where the agent has it, wants to be the first library.
    return trigger, {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0", "LD_PRELOAD": library,
                     "ACTORD_HANG_TRIGGER": trigger, "ACTORD_HANG_PATH": path}


def status_at(agent, name="member"):
    """What that agent says of the member's status."""
    return {m["Name"]: m["Status"] for m in agent.json("GET", "/v1/agent/members")}.get(name)


class Member(Agent):
    """A client agent of one server, whose disk hangs while the file `trigger` is there."""

    def __init__(self, binary, server, key, flags=()):
        hanging_disk("", "")  # is it built? Before there is a folder
        super().__init__(binary)
        self.ports = dict(zip(("http", "serf_lan", "dns"), free_ports(3)))
        self.trigger, self.environment = hanging_disk(self.folder, self.data_dir)
        self.flags = [f"-encrypt={key}", f"-retry-join=127.0.0.1:{server.ports['serf_lan']}", *flags]

    def hang(self):
        open(self.trigger, "w").close()

    def start(self, wait=True):
        ports = " ".join(f"{k} = {v}" for k, v in self.ports.items())
        command = [self.binary, "agent", "-node=member", "-bind=127.0.0.1", f"-data-dir={self.data_dir}", "-hcl", f"ports {{ {ports} }}", *self.flags]
        with open(self.log_path, "ab") as log:
            self.process = children.start(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **self.environment})
        return self
