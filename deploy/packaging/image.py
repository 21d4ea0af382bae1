#!/usr/bin/env python3
"""An OCI image of one layer, the same bytes from the same files: image.py TREE FILE VERSION ARCHITECTURE TIME"""
import datetime
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

USER = 8500
OWN = ("var/lib/consul-actord", "etc/consul-actord.d")  # the user's
PORTS = ("8300/tcp", "8301/tcp", "8301/udp", "8302/tcp", "8302/udp", "8500/tcp", "8600/tcp", "8600/udp")
HEALTH = ["/usr/bin/consul-actord", "members", "-status=alive"]  # exits with 0 where the agent answers


def entry(name, time):
    e = tarfile.TarInfo(name)
    e.mtime, e.mode = time, 0o644
    return e


def layer(tree, time):
    """The files by name, root's but for what the user may write."""
    names = sorted(os.path.relpath(os.path.join(where, name), tree) for where, folders, files in os.walk(tree) for name in folders + files)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            e, path = entry(name, time), os.path.join(tree, name)
            e.uid = e.gid = USER if name in OWN else 0
            if os.path.isdir(path):
                e.type, e.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
                tar.addfile(e)
            else:
                e.size, e.mode = os.path.getsize(path), 0o755 if os.access(path, os.X_OK) else 0o644
                with open(path, "rb") as f:
                    tar.addfile(e, f)
    return out.getvalue()


def main(tree, file, version, architecture, time):
    time, blobs = int(time), {}
    created = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def keep(data, kind, **more):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data), **more}

    def text(what):
        return json.dumps(what, indent=1, sort_keys=True).encode()

    plain = layer(tree, time)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as z:
        z.write(plain)
    labels = {"org.opencontainers.image.title": "consul-actord", "org.opencontainers.image.version": version,
              "org.opencontainers.image.licenses": "Apache-2.0", "consul-actord.health": " ".join(HEALTH)}
    config = keep(text({
        "architecture": architecture, "os": "linux", "created": created,
        "config": {
            "User": f"{USER}:{USER}", "Entrypoint": ["/usr/bin/consul-actord"],
            "Cmd": ["agent", "-config-dir=/etc/consul-actord.d", "-data-dir=/var/lib/consul-actord", "-client=0.0.0.0"],
            "Env": ["PATH=/usr/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"], "WorkingDir": "/",
            "ExposedPorts": {port: {} for port in PORTS}, "Volumes": {"/var/lib/consul-actord": {}}, "StopSignal": "SIGTERM", "Labels": labels,
            # Docker's, which the specification leaves room for.
            "Healthcheck": {"Test": ["CMD", *HEALTH], "Interval": 10 * 10**9, "Timeout": 5 * 10**9, "Retries": 3},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]},
        "history": [{"created": created, "created_by": "deploy/package"}],
    }), "config.v1+json")
    manifest = keep(text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                          "layers": [keep(packed.getvalue(), "layer.v1.tar+gzip")]}), "manifest.v1+json",
                    platform={"architecture": architecture, "os": "linux"}, annotations={"org.opencontainers.image.ref.name": version.replace("+", "-")})
    index = text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]})

    files = {"oci-layout": text({"imageLayoutVersion": "1.0.0"}), "index.json": index, **{f"blobs/sha256/{d}": data for d, data in blobs.items()}}
    with open(file, "wb") as f, tarfile.open(fileobj=f, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in ("blobs", "blobs/sha256"):
            e = entry(folder, time)
            e.type, e.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(e)
        for name in sorted(files):
            e = entry(name, time)
            e.size = len(files[name])
            tar.addfile(e, io.BytesIO(files[name]))


if __name__ == "__main__":
    main(*sys.argv[1:])
