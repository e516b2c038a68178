"""Packages and test programs for a release, built in that release: in a chroot, from a copy of these sources.

The build folders stay in the cache, so that the next time only what changed is built again.
"""
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from trees import CACHE, build_tree, kernel_filesystems, in_chroot, run

SOURCES = Path(__file__).resolve().parents[2]
# Where the sources are in the chroot, and the test programs look for them in the guest.
THERE = Path("/usr/src/sockdog")
COPIED = ["CMakeLists.txt", "CMakePresets.json", "LICENSE", "bpf", "user", "tests", "config", "systemd", "docs", "scripts"]
PROGRAM = "kernel_test"


@dataclass
class Packages:
    first: list  # the .deb files
    second: list  # the same, one release later, for the upgrade
    programs: Path  # folder of the built test programs


def built_in(release, say):
    tree = build_tree(release, SOURCES / "scripts/install-deps.sh", say)
    log = CACHE / release / "packages.log"
    log.unlink(missing_ok=True)
    sources = tree / THERE.relative_to("/")
    sources.mkdir(parents=True, exist_ok=True)
    # What differs gets the time of now: its own may be older than what was built from its predecessor.
    run(["rsync", "-rlp", "--checksum", "--delete", "--exclude=/build", *[SOURCES / name for name in COPIED], f"{sources}/"], log)
    say(f"building packages for {release}")
    epoch = str(int((SOURCES / "scripts/debian/changelog").stat().st_mtime))
    script = f"""set -e
cd {THERE}
export SOURCE_DATE_EPOCH={epoch}
for release in 2 1; do
    bash scripts/package.sh --no-install --release $release -DBUILD_TESTING=OFF
    rm -rf build/packages-$release
    mv build/package/packages build/packages-$release
done
lintian --fail-on error,warning build/packages-1/*.deb
cmake --preset package -DBUILD_TESTING=ON
cmake --build --preset package --parallel $(nproc) --target kernel_test
"""
    with kernel_filesystems(tree):
        in_chroot(tree, ["bash", "-c", script], log)
    debs = [sorted((sources / f"build/packages-{number}").glob("*.deb")) for number in (1, 2)]
    return Packages(*debs, sources / "build/package")


def take_kernel_tests(packages, guest):
    """Where they were built, as they know their places by that: without their debug information, but with that of the programs
    whose call sites they look for."""
    target = guest.root / THERE.relative_to("/")
    programs = target / "build/package/bin"
    programs.mkdir(parents=True)
    built = packages.programs / "bin"
    subprocess.run(["strip", "-o", programs / PROGRAM, built / PROGRAM], check=True)
    subprocess.run(["strip", "-o", programs / "sockdog-names", built / "sockdog-names"], check=True)
    for client in built.glob("call_site_client_*"):
        shutil.copy2(client, programs)
    for folder in ("tests/programs", "tests/kernel/callsite_programs"):
        shutil.copytree(SOURCES / folder, target / folder)
