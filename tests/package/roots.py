"""Folders that stand for fresh machines, and commands in them: with processes, mounts and a network of their own, so that nothing is left."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from patience import patience  # noqa: E402

# What README's tour is typed with; and systemd, which runs in booted() alone.
TOOLS = ("curl", "bind9-dnsutils", "nginx-light", "python3", "iproute2", "systemd-sysv")
CGROUPS = "/sys/fs/cgroup"


def run(*words, **options):
    r = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=patience(900), **options)
    assert r.returncode == 0, f"{' '.join(map(str, words))}: exit {r.returncode}\n{r.stdout[-3000:]}"
    return r.stdout


def debian_sources():
    """The machine's own entries of Debian: whoever gave it a mirror is asked there as well."""
    lines = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(SOURCESENTRY)", "Created-By: Packages").splitlines()
    return sorted({line.split(" ", 1)[1].rsplit(":", 1)[0] for line in lines if line.startswith("Debian ")})


class Roots:
    """A context: all of them are gone afterwards."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="actord-roots-")
        os.chmod(self.folder, 0o755)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def debian(self):
        """A fresh Debian of the smallest kind, with the tools."""
        path = os.path.join(self.folder, "debian")
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(TOOLS)}", release(), path, *debian_sources(), env={**os.environ, "TMPDIR": self.folder})
        return Root(path)

    def copy(self, root, name):
        path = os.path.join(self.folder, name)
        run("cp", "-a", root.path, path)
        return Root(path)

    def empty(self, name):
        path = os.path.join(self.folder, name)
        for folder in ("proc", "dev", "tmp"):
            os.makedirs(os.path.join(path, folder))
        os.chmod(os.path.join(path, "tmp"), 0o1777)
        return Root(path)


def release():
    with open("/etc/os-release") as f:
        return dict(line.strip().split("=", 1) for line in f if "=" in line)["VERSION_CODENAME"]


class Root:
    def __init__(self, path):
        self.path = path

    def __truediv__(self, name):
        return os.path.join(self.path, name.lstrip("/"))

    def put(self, source, name, mode=0o755):
        place = self / name
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(source, place)
        os.chmod(place, mode)

    def beside(self, script, *words, mounts=()):
        """The words that run a shell's script beside it, with its mounts, processes and network: mounts are pairs (folder, where)."""
        steps = [f"mount -t proc proc {self.path}/proc", f"mount --rbind /dev {self.path}/dev", "ip link set lo up"]
        steps += [f"mkdir -p {self / where} && mount --bind {folder} {self / where}" for folder, where in mounts]
        return ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", "\n".join([*steps, script]), "sh", *map(str, words)]

    def command(self, *words, mounts=()):
        """The words that run a command in it."""
        return self.beside(f'exec chroot {self.path} "$@"', *words, mounts=mounts)

    def run(self, *words, **options):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **options.pop("env", {})}
        return run(*self.command(*words, **options), env=env)

    def booted(self):
        return Booted(self)

    def files(self):
        """Everything that lies in it, but for what apt and dpkg note of what they did."""
        notes = ("var/lib/dpkg", "var/lib/apt", "var/cache/apt", "var/cache/debconf", "var/log", "proc", "dev", "tmp", "run")
        found = set()
        for where, folders, files in os.walk(self.path):
            at = os.path.relpath(where, self.path)
            folders[:] = [f for f in folders if os.path.normpath(os.path.join(at, f)) not in notes]
            found.update(os.path.normpath(os.path.join(at, name)) for name in folders + files)
        return found | {name for name in ("var/log/consul-actord",) if os.path.exists(self / name)}


class CannotBoot(Exception):
    """This machine lets nobody start a systemd beside its own."""


class Booted:
    """A context: the root's systemd runs, with groups, mounts, processes, a host's name and a network of its own."""

    def __init__(self, root):
        self.root = root
        # A hierarchy for systemd beside those of old, or one for all.
        kinds = {"systemd": "-t cgroup -o none,name=systemd", "unified": "-t cgroup2"} if os.path.isdir(f"{CGROUPS}/systemd") else {"": "-t cgroup2"}
        self.kinds = {name: how for name, how in kinds.items() if os.path.isdir(f"{CGROUPS}/{name}")}
        self.groups = [os.path.join(CGROUPS, name, f"actord-roots-{os.getpid()}") for name in self.kinds]

    def script(self):
        at = self.root.path
        steps = ["mount --make-rprivate /", f"mount --bind {at} {at}", f"mount -t proc proc {at}/proc", f"mount -t sysfs sysfs {at}/sys",
                 f"mount -t tmpfs -o mode=755 tmpfs {at}{CGROUPS}"]
        for name, how in self.kinds.items():
            steps += [f"mkdir -p {at}{CGROUPS}/{name}", f"mount {how} cgroup {at}{CGROUPS}/{name}"]
        steps += [f"mount -t tmpfs -o mode=755 tmpfs {at}/{name}" for name in ("run", "dev")]
        steps += [f"touch {at}/dev/{name} && mount --bind /dev/{name} {at}/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")]
        steps += [f"mkdir {at}/dev/pts {at}/dev/shm && mount -t devpts devpts {at}/dev/pts && mount -t tmpfs tmpfs {at}/dev/shm",
                  f"ln -s pts/ptmx {at}/dev/ptmx", f"ln -s /proc/self/fd {at}/dev/fd", "ip link set lo up", f"cd {at}", "pivot_root . mnt", "umount -l /mnt", "hostname fresh",
                  "exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --show-status=no"]
        return "\n".join(steps)

    def __enter__(self):
        try:
            for group in self.groups:
                os.mkdir(group)
        except OSError as e:
            raise CannotBoot(str(e)) from None
        enter = "".join(f"echo $$ >{group}/cgroup.procs; " for group in self.groups)
        self.process = subprocess.Popen(["sh", "-ec", enter + 'exec unshare --mount --net --pid --cgroup --uts --ipc --fork --kill-child sh -ec "$0"', self.script()],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until = time.monotonic() + patience(60)
        while time.monotonic() < until and self.process.poll() is None:
            if subprocess.run(self.words("systemctl", "is-system-running"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout in (b"running\n", b"degraded\n"):
                return self
            time.sleep(0.2)
        self.__exit__()
        raise CannotBoot(self.process.stdout.read()[-1000:])

    def __exit__(self, *_):
        self.process.kill()  # and with it, by the kernel, all that it started
        self.process.wait()
        until = time.monotonic() + patience(20)
        for group in self.groups:
            for where, _, _ in os.walk(group, topdown=False):
                while os.path.isdir(where):
                    try:
                        os.rmdir(where)
                    except OSError:  # somebody in it is still on the way out
                        if time.monotonic() > until:
                            raise
                        time.sleep(0.1)

    def words(self, *words):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            inside = f.read().split()
        return ["nsenter", "-t", *inside[:1], "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *map(str, words)]

    def run(self, *words):
        return run(*self.words(*words))
