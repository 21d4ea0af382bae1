"""A folder in which nothing ever answers, as below a network file system whose server is gone: a FUSE mount that nobody serves. Takes root."""
import ctypes
import os

from agent import Skipped

_libc = ctypes.CDLL(None, use_errno=True)
_MNT_DETACH = 2


class HangingFolder:
    """Use as a context manager; `path` is an empty folder that is there."""

    def __init__(self, path):
        self.path, self.device = path, -1

    def __enter__(self):
        try:
            self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as e:
            raise Skipped(f"no FUSE here: {e}") from None
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0".encode()
        if _libc.mount(b"hangs", self.path.encode(), b"fuse", 0, options) != 0:
            why = os.strerror(ctypes.get_errno())
            os.close(self.device)
            raise Skipped(f"a FUSE file system cannot be mounted: {why}")
        return self

    def end(self):
        """Nothing hangs any more: who still waits gets an error."""
        if self.device >= 0:
            _libc.umount2(self.path.encode(), _MNT_DETACH)
            os.close(self.device)
            self.device = -1

    def __exit__(self, *_):
        self.end()
