#!/usr/bin/env python3
"""The packages that deploy/package made, looked at and used as on fresh machines: check.py [--packages FOLDER] [--only WORD]
Needs root, mmdebstrap and apt's network."""
import argparse
import filecmp
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback

import confined
from roots import CannotBoot, ROOT, Roots, patience, run

MOST_BYTES = 30 << 20
MOST_EXPOSED = 2.0
UNIT = os.path.join(ROOT, "deploy", "systemd", "consul-actord.service")
MOUNTS = [(ROOT, "/repository")]  # README and the test that types it; the tour starts nothing else of it
TOUR = ("python3", "/repository/tests/cluster/test_tour.py", "--inside")


class Packages:
    def __init__(self, folder):
        self.folder = folder = os.path.abspath(folder)
        self.file = os.path.join(folder, "consul-actord")
        (self.deb,), (self.image,) = (glob.glob(os.path.join(folder, end)) for end in ("*.deb", "*.oci.tar"))

    def all(self):
        return [self.file, self.deb, self.image]


def needed(file):
    return [line.split()[1] for line in run("objdump", "-p", file).splitlines() if line.strip().startswith("NEEDED")]


# ---- each check is given the packages and a Debian root that nothing was done to


def file_needs_libc_only(packages, _):
    others = [name for name in needed(packages.file) if not re.fullmatch(r"(libc|libm)\.so\.6|ld-linux.*", name)]
    assert not others, others
    size = os.path.getsize(packages.file)
    assert size <= MOST_BYTES, size
    print(f"  {size} bytes")


def file_runs_alone(packages, debian):
    """In a root of the file, libc, libm and the loader."""
    root = debian.roots.empty("alone")
    root.put(packages.file, "consul-actord")
    for library in re.findall(r"/\S+", run("ldd", packages.file)):
        if os.path.isfile(library) and library != packages.file:
            root.put(library, library)
    agent = subprocess.Popen(root.command("/consul-actord", "agent", "-dev"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={})
    began = time.monotonic()
    try:
        seen = []
        for line in agent.stdout:
            seen.append(line)
            if "agent running!" in line:
                break
        assert seen and "agent running!" in seen[-1], "".join(seen)
        print(f"  up after {time.monotonic() - began:.2f} s")
    finally:
        agent.kill()
        agent.wait()
    # Where nothing can be written it says so, and does not write to the folder that it was started in.
    lost = subprocess.run(root.beside(f"mount -t tmpfs -o ro tmpfs {root / 'dev/shm'}; exec chroot {root.path} /consul-actord agent -dev"), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=patience(60), env={**os.environ, "TMPDIR": "/nowhere"})
    assert lost.returncode == 1 and "TMPDIR names no folder" in lost.stdout, lost.stdout


def unit_is_confined(*_):
    text = subprocess.run(["systemd-analyze", "security", "--offline=true", UNIT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    score = float(re.search(r"exposure level for \S+: ([0-9.]+)", text).group(1))
    assert score <= MOST_EXPOSED, text
    print(f"  exposed by {score}")


def made_twice_the_same(packages, _):
    with tempfile.TemporaryDirectory() as again:
        beside = [os.path.join(again, name) for name in ("other.deb", "other.oci.tar", "sources")]
        for path in beside:
            open(path, "w").close()
        run(os.path.join(ROOT, "deploy", "package"), "--file-only", "--output", again)
        run(os.path.join(ROOT, "deploy", "package"), "--output", again)
        assert all(map(os.path.exists, beside)), "it took what it had not made"
        for path in beside:
            os.unlink(path)
        other = Packages(again)
        different = [os.path.basename(a) for a, b in zip(packages.all(), other.all()) if os.path.basename(a) != os.path.basename(b) or not filecmp.cmp(a, b, shallow=False)]
        assert not different, different


def refuses_a_time_that_is_none(*_):
    """Before anything is built, or removed."""
    with tempfile.TemporaryDirectory() as output:
        there = os.path.join(output, "consul-actord")
        open(there, "w").close()
        for time_ in ("yesterday", "-1", "1.5", "010", "8589934592", "1" * 30):
            r = subprocess.run([os.path.join(ROOT, "deploy", "package"), "--output", output], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               check=False, timeout=patience(900), env={**os.environ, "SOURCE_DATE_EPOCH": time_})
            assert r.returncode == 2 and "is no number of seconds since 1970" in r.stdout and os.path.exists(there), (time_, r.stdout)


def builds_where_it_lies(*_):
    """deploy/prepare and the precompiled headers in a folder with a blank in its name, and in a copy of that with what was built in it."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = (os.path.join(folder, name) for name in ("a b", "copy"))
        os.makedirs(first)
        run("cp", "-a", os.path.join(ROOT, "deploy"), first)
        with open(os.path.join(first, "CMakeLists.txt"), "w") as f:
            f.write("cmake_minimum_required(VERSION 3.25)\nproject(x CXX)\nfind_package(fmt REQUIRED)\nadd_library(actord_flags INTERFACE)\n"
                    "target_compile_options(actord_flags INTERFACE -O0)\ninclude(deploy/precompiled.cmake)\nadd_executable(which which.cpp)\n"
                    "target_compile_options(which PRIVATE -O0 -std=c++20)\ntarget_compile_definitions(which PRIVATE FMT_SHARED)\n"
                    "precompiled(standard which)\ntarget_link_libraries(which PRIVATE fmt::fmt)\n")

        def says(tree, word):
            with open(os.path.join(tree, "which.cpp"), "w") as f:
                f.write(f'int main() {{ fmt::print("{word}"); }}\n')
            run("bash", "-ec", f"source '{tree}/deploy/prepare'; build which")
            return run(os.path.join(tree, "build", "release", "which"))

        assert says(first, "first") == "first"
        run("cp", "-a", first, second)
        assert says(second, "second") == "second"


def run_takes_it_while_it_fits(packages, _):
    """deploy/run builds nothing when the package is of its sources, and knows when it is not."""
    with tempfile.TemporaryDirectory() as tree:
        for name in ("CMakeLists.txt", "runtime", "storage", "actors", "api", "deploy"):
            run("cp", "-a", os.path.join(ROOT, name), tree)
        os.makedirs(os.path.join(tree, "build"))
        os.symlink(packages.folder, os.path.join(tree, "build", "package"))
        said = run(os.path.join(tree, "deploy", "run"), "-help")
        assert "taking build/package/consul-actord" in said and "Usage: consul agent" in said, said
        digest = lambda: run("bash", "-c", f"source {tree}/deploy/prepare; sources_digest")
        before = digest()
        with open(os.path.join(tree, "runtime", "node", "main.cpp"), "a") as f:
            f.write("// changed\n")
        assert digest() != before


def file_runs_the_tour(packages, debian):
    root = debian.roots.copy(debian, "file")
    root.put(packages.file, "/usr/local/bin/consul-actord")
    print(root.run(*TOUR, mounts=MOUNTS, env={"ACTORD_BINARY": "/usr/local/bin/consul-actord"}), end="")


def deb_installs_upgrades_and_goes(packages, debian):
    root = debian.roots.copy(debian, "deb")
    before, users = root.files(), [open(root / f"etc/{name}").read() for name in ("passwd", "group")]
    root.put(packages.deb, "/tmp/first.deb", 0o644)
    root.put(os.path.join(ROOT, "tests", "package", "by_hand.py"), "/tmp/by_hand.py")
    root.run("apt-get", "install", "-y", "/tmp/first.deb")
    # The unit's user reads what root sets up, and nobody else does.
    root.run("consul-actord", "cluster", "init", "-bind=127.0.0.1", "/etc/consul-actord.d")
    assert root.run("stat", "-c", "%U:%G %a", "/etc/consul-actord.d/agent.hcl").strip() == "root:consul-actord 640"
    said = root.run("python3", "/tmp/by_hand.py", "consul-actord kv put kept yes", "consul-actord members -status=alive | wc -l")
    assert said.splitlines()[:2] == ["Success! Data written to: kept", "2"], said
    print("  " + said.splitlines()[-1])
    for page in ("man1/consul-actord.1.gz", "man5/consul-actord.hcl.5.gz"):
        assert os.path.isfile(root / f"usr/share/man/{page}"), page
    ask = "source /usr/share/bash-completion/completions/consul-actord; complete -p consul-actord; COMP_LINE='consul-actord kv p' COMP_POINT=18 consul-actord"
    completed = root.run("bash", "-c", ask).splitlines()
    assert completed == ["complete -C 'consul-actord' consul-actord", "put"], completed

    with tempfile.TemporaryDirectory() as later:
        os.symlink(packages.file, os.path.join(later, "consul-actord"))
        version = re.search(r"\+(\d{14})_", packages.deb).group(1)
        epoch = int(run("date", "-u", "-d", f"{version[:8]} {version[8:10]}:{version[10:12]}:{version[12:]}", "+%s")) + 60
        run(os.path.join(ROOT, "deploy", "packaging", "make_deb"), later, os.path.join(ROOT, "build", "release", "man_pages"),
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"})
        root.put(glob.glob(os.path.join(later, "*.deb"))[0], "/tmp/second.deb", 0o644)
    installed = lambda: root.run("dpkg-query", "-W", "-f", "${Version}", "consul-actord")
    first = installed()
    root.run("apt-get", "install", "-y", "/tmp/second.deb")
    assert installed() > first, (first, installed())
    assert root.run("python3", "/tmp/by_hand.py", "consul-actord kv get kept").splitlines()[0] == "yes"

    root.run("apt-get", "remove", "-y", "consul-actord")
    assert os.path.isdir(root / "var/lib/consul-actord") and os.path.isfile(root / "etc/consul-actord.d/agent.hcl"), "remove took what only purge may take"
    root.run("apt-get", "purge", "-y", "consul-actord")
    left = {name for name in root.files() - before if not re.fullmatch(r"etc/(passwd|group|shadow|gshadow|subuid|subgid)-", name)}
    assert not left, sorted(left)
    assert before <= root.files() | {"var/log/consul-actord"}, sorted(before - root.files())
    assert users == [open(root / f"etc/{name}").read() for name in ("passwd", "group")], "the user is still there"


def deb_works_as_the_unit_confines_it(packages, debian):
    """Every system call that it makes at work is one that the unit allows."""
    root = debian.roots.copy(debian, "deb-confined")
    root.put(packages.deb, "/tmp/x.deb", 0o644)
    for script in ("by_hand.py", "confined.py"):
        root.put(os.path.join(ROOT, "tests", "package", script), f"/tmp/{script}")
    root.run("apt-get", "install", "-y", "/tmp/x.deb")
    root.run("consul-actord", "cluster", "init", "-bind=127.0.0.1", "/etc/consul-actord.d")
    with open(root / "etc/consul-actord.d/more.hcl", "w") as f:
        f.write('addresses { http = "127.0.0.1 unix:///run/consul-actord/http.sock" }\nunix_sockets { group = "consul-actord" mode = "770" }\n'
                'pid_file = "/run/consul-actord/pid"\nlog_file = "/var/log/consul-actord/"\nraft_snapshot_interval = "1s"\n'
                'enable_local_script_checks = true\n'
                'services { name = "s" checks = [{ args = ["true"], interval = "1s" }, { http = "https://localhost:1", interval = "1s" }, { tcp = "localhost:8500", interval = "1s" }] }\n')
    with open(root / "tmp/calls", "w") as f:
        f.write(" ".join(sorted(confined.calls(UNIT))))
    until = lambda what: f"until {what}; do sleep 0.1; done"
    said = root.run("python3", "/tmp/by_hand.py", "consul-actord kv put kept yes",
                    # The 19th word is how much a thread gives way to others.
                    until("""cat /proc/$(cat /run/consul-actord/pid)/task/*/stat | awk '$19 == 10 { found = 1 } END { exit !found }'"""),
                    "stat -c %U:%G:%a /run/consul-actord/http.sock",
                    "curl -s --unix-socket /run/consul-actord/http.sock 'x/v1/kv/kept?raw'",
                    until("[ $(curl -s 127.0.0.1:8500/v1/agent/checks | grep -o '\"Status\":\"passing\"' | wc -l) = 2 ]"))
    socket, answer = said.splitlines()[1:3]
    assert socket == "consul-actord:consul-actord:770" and answer.startswith("yes"), said


def deb_serves_under_systemd(packages, debian):
    """The real one: started, reloaded, restarted where it ended unasked, stopped without a failure, upgraded, removed, purged."""
    root = debian.roots.copy(debian, "deb-systemd")
    root.put(packages.deb, "/opt/x.deb", 0o644)
    with root.booted() as machine:
        def shown(what):
            return machine.run("systemctl", "show", "--value", "-p", what, "consul-actord").strip()

        def comes_back(pid):
            until = time.monotonic() + patience(30)
            while shown("MainPID") in (pid, "0") or shown("ActiveState") != "active":
                assert time.monotonic() < until, machine.run("systemctl", "show", "consul-actord")
                time.sleep(0.2)
            assert machine.run("consul-actord", "kv", "get", "kept") == "yes\n"

        machine.run("apt-get", "install", "-y", "/opt/x.deb")
        machine.run("consul-actord", "cluster", "init", "-bind=127.0.0.1", "/etc/consul-actord.d")
        machine.run("systemctl", "start", "consul-actord")
        machine.run("consul-actord", "kv", "put", "kept", "yes")
        machine.run("systemctl", "reload", "consul-actord")
        for ends in (("systemctl", "kill", "--signal=TERM", "consul-actord"), ("dpkg-reconfigure", "consul-actord")):  # the latter as an upgrade does
            pid = shown("MainPID")
            machine.run(*ends)
            comes_back(pid)
        machine.run("systemctl", "stop", "consul-actord")
        assert shown("ActiveState") == "inactive", shown("ActiveState")
        machine.run("dpkg-reconfigure", "consul-actord")
        assert shown("ActiveState") == "inactive", "an upgrade started what an administrator had stopped"
        machine.run("apt-get", "remove", "-y", "consul-actord")
        machine.run("apt-get", "install", "-y", "/opt/x.deb")
        comes_back("0")
        machine.run("apt-get", "purge", "-y", "consul-actord")
        assert machine.run("systemctl", "list-units", "--failed", "--plain", "--no-legend") == ""


def deb_meets_what_is_there(packages, debian):
    """A group of its name, a removal in between, an administrator's umask, a purge while it runs, somebody else's user of its name."""
    root = debian.roots.copy(debian, "deb-odd")
    root.put(packages.deb, "/tmp/x.deb", 0o644)
    root.put(os.path.join(ROOT, "tests", "package", "by_hand.py"), "/tmp/by_hand.py")
    about = lambda path: root.run("stat", "-c", "%U:%G %a", path).strip()
    root.run("groupadd", "--system", "consul-actord")
    root.run("apt-get", "install", "-y", "/tmp/x.deb")
    root.run("apt-get", "remove", "-y", "consul-actord")
    root.run("apt-get", "install", "-y", "/tmp/x.deb")
    assert about("/etc/consul-actord.d") == "root:consul-actord 2750", about("/etc/consul-actord.d")
    root.run("sh", "-c", "umask 077; consul-actord cluster init -bind=127.0.0.1 /etc/consul-actord.d")
    assert about("/etc/consul-actord.d/agent.hcl") == "root:consul-actord 640", about("/etc/consul-actord.d/agent.hcl")
    root.run("chmod", "700", "/etc/consul-actord.d")
    root.run("chown", "consul-actord", "/etc/consul-actord.d")
    root.run("dpkg-reconfigure", "consul-actord")
    assert about("/etc/consul-actord.d") == "consul-actord:consul-actord 2700", "what an administrator set is not as it was"
    said = root.run("python3", "/tmp/by_hand.py", "apt-get purge -y consul-actord 2>&1")
    assert "the user consul-actord is still there" in said, said
    assert not [path for path in ("etc/consul-actord.d", "var/lib/consul-actord", "var/log/consul-actord", "usr/bin/consul-actord") if os.path.exists(root / path)]
    root.run("userdel", "consul-actord")
    root.run("useradd", "--system", "--gid", "daemon", "--home-dir", "/srv/x", "consul-actord")
    root.run("apt-get", "install", "-y", "/tmp/x.deb")
    # A folder that something is mounted on can be emptied only.
    root.run("sh", "-c", "mount -t tmpfs tmpfs /var/lib/consul-actord && touch /var/lib/consul-actord/x && apt-get purge -y consul-actord && ! ls /var/lib/consul-actord/x")
    assert root.run("getent", "passwd", "consul-actord").split(":")[5] == "/srv/x", "the user was not the package's"


def deb_runs_the_tour(packages, debian):
    root = debian.roots.copy(debian, "deb-tour")
    root.put(packages.deb, "/tmp/x.deb", 0o644)
    root.run("apt-get", "install", "-y", "/tmp/x.deb")
    print(root.run(*TOUR, mounts=MOUNTS, env={"ACTORD_BINARY": "/usr/bin/consul-actord"}), end="")


def unpacked(packages, debian, name):
    """The image as a root, every digest held against what it names; and its settings."""
    root = debian.roots.empty(name)
    with tarfile.open(packages.image) as image:
        def blob(described):
            data = image.extractfile("blobs/" + described["digest"].replace(":", "/")).read()
            assert hashlib.sha256(data).hexdigest() == described["digest"].split(":")[1] and len(data) == described["size"], described
            return data
        manifest = json.loads(blob(json.loads(image.extractfile("index.json").read())["manifests"][0]))
        settings = json.loads(blob(manifest["config"]))
        assert len(manifest["layers"]) == 1
        path = root / "tmp/layer"
        with open(path, "wb") as f:
            f.write(blob(manifest["layers"][0]))
    run("tar", "-C", root.path, "--numeric-owner", "-xpzf", path)
    os.unlink(path)
    return root, settings["config"]


def image_runs_as_its_user(packages, debian):
    root, settings = unpacked(packages, debian, "image")
    assert filecmp.cmp(packages.file, root / "usr/bin/consul-actord", shallow=False)
    assert settings["User"].split(":")[0] not in ("0", "root"), settings["User"]
    sets_user_id = [name for name in root.files() if os.lstat(root / name).st_mode & 0o6000]
    assert not sets_user_id, sets_user_id
    health = " ".join(settings["Healthcheck"]["Test"][1:])
    start = " ".join([*settings["Entrypoint"], *settings["Cmd"], "-server", "-bootstrap-expect=1", "-bind=127.0.0.1"])
    # The image has no shell: the one that waits is outside of it, in the same network.
    inside = f"chroot --userspec={settings['User']} {root.path} "
    script = f"""{inside}{start} >{debian.roots.folder}/image.log 2>&1 & pid=$!
      for i in $(seq {int(patience(60) * 10)}); do {inside}{health} >/dev/null 2>&1 && break; sleep 0.1; done
      {inside}{health} && {inside}/usr/bin/consul-actord kv put a b && kill $pid"""
    run(*root.beside(script), env={**os.environ, **dict(v.split("=", 1) for v in settings["Env"]), "PATH": os.environ["PATH"]})


def image_runs_the_tour(packages, debian):
    """All of it but for the commands that the agent gives to a shell, which the image has not."""
    root = debian.roots.copy(debian, "image-tour")
    image, _ = unpacked(packages, debian, "image-tour/image")
    wrapper = root / "usr/local/bin/consul-actord"
    with open(wrapper, "w") as f:
        f.write('#!/bin/sh\nexec chroot /image /usr/bin/consul-actord "$@"\n')
    os.chmod(wrapper, 0o755)
    mounts = [*MOUNTS, (root / "tmp", "/image/tmp"), (os.path.join(ROOT, "deploy"), "/image/deploy"), (root / "dev", "/image/dev"), (root / "proc", "/image/proc")]
    print(root.run(*TOUR, "--no-shell", mounts=mounts, env={"ACTORD_BINARY": "/usr/local/bin/consul-actord"}), end="")


CHECKS = (file_needs_libc_only, file_runs_alone, unit_is_confined, made_twice_the_same, refuses_a_time_that_is_none, builds_where_it_lies, run_takes_it_while_it_fits,
          file_runs_the_tour, deb_installs_upgrades_and_goes, deb_works_as_the_unit_confines_it, deb_serves_under_systemd, deb_meets_what_is_there, deb_runs_the_tour, image_runs_as_its_user,
          image_runs_the_tour)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packages", default=os.path.join(ROOT, "build", "package"))
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    missing = [name for name in ("mmdebstrap", "unshare", "systemd-analyze") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        print(f"skipped: the packages are tried in roots of their own, which needs root and mmdebstrap, unshare, systemd-analyze (missing: {missing})")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    packages, passed, failed, skipped = Packages(options.packages), 0, 0, 0
    with Roots() as roots:
        debian = roots.debian()
        debian.roots = roots
        for check in CHECKS:
            if options.only not in check.__name__:
                continue
            began = time.monotonic()
            try:
                check(packages, debian)
                passed += 1
                print(f"ok {check.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
            except CannotBoot as e:
                skipped += 1
                print(f"skipped: {check.__name__}: no second systemd can be started here: {e}", flush=True)
            except Exception as e:
                failed += 1
                if not isinstance(e, AssertionError):
                    traceback.print_exc(file=sys.stdout)
                print(f"FAILED {check.__name__}: {e}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
