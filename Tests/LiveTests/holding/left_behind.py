"""What the kernel has of a process, or has left of it: cgroups, mounts, bpffs, programs, maps and links."""

import ctypes
import errno
import os
import pathlib
import re

from processes import libc

SYS_bpf = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
# enum bpf_cmd in linux/bpf.h
GET_FD_BY_ID = {"prog": 13, "map": 14, "link": 30}


def cgroup_root():
    with open("/proc/self/mountinfo") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                return pathlib.Path(before.split()[4])
    return None


def cgroups_of(pid):
    """Directories that a stormfuse of this pid has made."""
    root = cgroup_root()
    return sorted(str(path) for path in root.rglob(f"stormfuse-{pid}")) if root else []


def remove_cgroups(paths):
    """Those that could not be removed."""
    stuck = []
    for path in paths:
        try:
            os.rmdir(path)
        except OSError:
            stuck.append(path)
    return stuck


def mounts():
    with open("/proc/self/mounts") as file:
        return sorted(file.read().splitlines())


def bpf_files():
    return sorted(str(path) for path in pathlib.Path("/sys/fs/bpf").rglob("*")) if os.path.isdir("/sys/fs/bpf") else []


def objects_of(pid):
    """Ids of the BPF programs, maps and links that a process has open: {("prog", 7), …}."""
    found = set()
    try:
        for entry in os.scandir(f"/proc/{pid}/fdinfo"):
            try:
                with open(entry.path) as file:
                    for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)$", file.read(), re.MULTILINE):
                        found.add((kind, int(number)))
            except OSError:
                continue
    except OSError:
        pass
    return found


def is_there(kind, number):
    """Whether the kernel still has a BPF object. Asks for it by its id (CAP_SYS_ADMIN)."""
    attributes = (ctypes.c_uint32 * 32)(number)
    file = libc.syscall(SYS_bpf, GET_FD_BY_ID[kind], attributes, ctypes.sizeof(attributes))
    if file >= 0:
        os.close(file)
        return True
    return ctypes.get_errno() != errno.ENOENT


def memory_kb(pid):
    """Resident, and of that heap and stacks. (The rest is program, libraries, and what of the ring was used so far.)"""
    with open(f"/proc/{pid}/status") as file:
        found = dict(re.findall(r"^(VmRSS|RssAnon):\s*(\d+) kB$", file.read(), re.MULTILINE))
    return int(found["VmRSS"]), int(found["RssAnon"])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
