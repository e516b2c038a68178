"""Folders that become the disks of guests: a Debian release below a cache, a kernel in it, packages built inside of it.

All of it comes from Debian's mirror, once: each step leaves a stamp with a hash of its recipe, and is skipped where that
is right.
"""
import hashlib
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

MIRROR = os.environ.get("SOCKDOG_VM_MIRROR", "http://deb.debian.org/debian")
CACHE = Path(os.environ.get("SOCKDOG_VM_CACHE", "/var/cache/sockdog-vm"))

# What a small server has, and what the story in the guest needs: a bus and logins for a user's own units, monit, and the
# service whose sandbox ours is compared with.
INSIDE = ["systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "systemd-oomd", "udev", "procps", "kmod",
          "adduser", "ca-certificates", "iproute2", "python3", "monit", "bpftool", "man-db", "initramfs-tools", "ruby"]
# What kernel tests can use, in the releases that have it.
INSIDE_SOME = {"bookworm": ["ruby-async-http"]}


class Failed(Exception):
    """A step on the host did not work; says which, and where its output is."""


def run(command, log, **options):
    """Runs it with its output at the end of `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        done = subprocess.run([str(word) for word in command], stdout=out, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(str(word) for word in command[:4])} ... ended with {done.returncode}, see {log}")


def recipe_hash(*parts):
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]


@contextmanager
def made_once(target, recipe, say):
    """Yields the folder to make, or nothing where it is there already; one that was not finished is made anew."""
    stamp = target.with_name(target.name + ".stamp")
    if target.is_dir() and stamp.exists() and stamp.read_text() == recipe:
        yield None
        return
    say(f"making {target}")
    stamp.unlink(missing_ok=True)
    remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    yield target
    stamp.write_text(recipe)


def mounts_below(folder):
    lines = Path("/proc/self/mounts").read_text().splitlines()
    points = [line.split()[1] for line in lines]
    return [point for point in points if Path(point).is_relative_to(folder)]


def remove(folder):
    """Never while something is mounted in it: that would be the host's."""
    if not folder.exists():
        return
    if mounts_below(folder):
        raise Failed(f"{mounts_below(folder)[0]} is still mounted; umount it first")
    shutil.rmtree(folder)


@contextmanager
def kernel_filesystems(tree, *more):
    """/proc, /sys and what else is to be seen in a chroot, (source, place) each."""
    wanted = [("/proc", "proc"), ("/sys", "sys"), ("/dev", "dev"), *more]
    mounted = []
    try:
        for source, place in wanted:
            point = tree / place
            point.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", source, point], check=True)
            mounted.append(point)
        yield
    finally:
        for point in reversed(mounted):
            subprocess.run(["umount", "-l", point], check=False)


def in_chroot(tree, command, log):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8",
                   "HOME": "/root"}
    run(["chroot", tree, *command], log, env=environment)


def install(tree, packages, log, release=None):
    """Without starting a service: policy-rc.d says no."""
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        in_chroot(tree, ["apt-get", "-q", "update"], log)
        of_release = ["-t", release] if release else []
        in_chroot(tree, ["apt-get", "-q", "install", "-y", "--no-install-recommends", *of_release, *packages], log)
    finally:
        policy.unlink()


def copy_tree(source, target):
    subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)


def release_tree(release, say):
    """The Debian release with all that a guest needs but the kernel."""
    target = CACHE / release / "base"
    log = CACHE / release / "base.log"
    inside = INSIDE + INSIDE_SOME.get(release, [])
    with made_once(target, recipe_hash(release, MIRROR, inside), say) as tree:
        if tree:
            run(["debootstrap", "--variant=minbase", release, tree, MIRROR], log)
            with kernel_filesystems(tree):
                install(tree, inside, log)
    return target


def add_kernel(tree, release, kernel_release, log):
    """The cloud kernel, small and with BTF, of any release; of another than the tree's only its files are taken."""
    if kernel_release == release:
        install(tree, ["linux-image-cloud-amd64"], log)
        return
    sources = tree / "etc/apt/sources.list.d/kernel.list"
    # A mirror may lag behind: what it has is signed all the same.
    sources.write_text(f"deb [check-valid-until=no] {MIRROR} {kernel_release} main\n")
    (tree / "etc/apt/preferences.d/kernel").write_text(
        f"Package: *\nPin: release n={kernel_release}\nPin-Priority: 50\n")
    in_chroot(tree, ["apt-get", "-q", "update"], log)
    script = f"""set -e
cd /tmp
image=$(apt-cache depends -i linux-image-cloud-amd64/{kernel_release} | sed -n 's/.*Depends: \\(linux-image-[^ ]*\\)/\\1/p' | head -n 1)
apt-get -q download "$image/{kernel_release}" $(apt-cache depends -i "$image/{kernel_release}" |
    sed -n 's/.*Depends: \\(linux-base-[0-9][^ ]*\\|linux-modules-[^ ]*\\|linux-binary-[^ ]*\\)/\\1/p' | sed 's,$,/{kernel_release},')
for package in linux-*.deb; do dpkg-deb -x "$package" /tmp/kernel; done
[ ! -d /tmp/kernel/boot ] || cp -a /tmp/kernel/boot/. /boot/
mkdir -p /usr/lib/modules
for modules in /tmp/kernel/lib/modules /tmp/kernel/usr/lib/modules; do
    [ ! -d $modules ] || cp -a $modules/. /usr/lib/modules/
done
version=$(ls /usr/lib/modules | sort -V | tail -n 1)
for file in vmlinuz config; do
    [ -e /boot/$file-$version ] || cp /usr/lib/modules/$version/$file /boot/$file-$version
done
depmod $version
update-initramfs -c -k $version
rm -rf /tmp/kernel /tmp/linux-*.deb
"""
    in_chroot(tree, ["sh", "-c", script], log)
    sources.unlink()
    (tree / "etc/apt/preferences.d/kernel").unlink()


def guest_tree(name, release, kernel_release, packages, say):
    """The release with a kernel and with what our packages depend on; `packages` are the .deb files."""
    base = release_tree(release, say)
    depends = sorted(needed_by(packages))
    target = CACHE / release / name
    log = CACHE / release / f"{name}.log"
    with made_once(target, recipe_hash(release, kernel_release, MIRROR, INSIDE, INSIDE_SOME, depends), say) as tree:
        if tree:
            copy_tree(base, tree)
            with kernel_filesystems(tree):
                install(tree, depends, log)
                add_kernel(tree, release, kernel_release, log)
    return target


def needed_by(packages):
    """Names of what the .deb files depend on, without themselves."""
    names = set()
    own = {package.name.split("_")[0] for package in packages}
    for package in packages:
        depends = subprocess.run(["dpkg-deb", "-f", package, "Depends"], capture_output=True, text=True,
                                 check=True).stdout
        for alternatives in depends.split(","):
            names.add(alternatives.split("|")[0].split("(")[0].strip())
    return names - own


def build_tree(release, dependencies_script, say):
    """The release with compilers: packages for it are built in it."""
    base = release_tree(release, say)
    target = CACHE / release / "build"
    log = CACHE / release / "build.log"
    with made_once(target, recipe_hash(release, MIRROR, INSIDE, INSIDE_SOME, dependencies_script.read_text()), say) as tree:
        if tree:
            copy_tree(base, tree)
            shutil.copy(dependencies_script, tree / "root/install-deps.sh")
            with kernel_filesystems(tree):
                for what in ("test", "package"):
                    in_chroot(tree, ["bash", "/root/install-deps.sh", what], log)
    return target
