"""A small file system in memory, in the place of a folder; takes root."""
import contextlib
import os
import subprocess


@contextlib.contextmanager
def small_disk(folder, size):
    """Says whether it could be mounted. It is gone afterwards, whoever still holds a file of it."""
    os.makedirs(folder, exist_ok=True)
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"no small file system: {done.stderr.strip()}", flush=True)
        yield done.returncode == 0
    finally:
        while os.path.ismount(folder):
            subprocess.run(["umount", "-l", folder], check=True)
