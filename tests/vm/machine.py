"""A guest: its disk from a folder, qemu without hardware help, and what it reports, line by line, over a serial port."""
import json
import shutil
import subprocess
import time
from pathlib import Path

from trees import Failed, copy_tree, remove, run

GUEST = Path(__file__).resolve().parent / "guest"
INSIDE = "opt/sockdog-vm"

# Without cmpxchg16b: qemu 7.2 gives wrong flags after it now and then, and kernels that use it in their allocator (6.12) fall over.
CPU = "max,cx16=off"

# type=simple, so that the boot is over while the story runs: it starts and stops services itself.
UNIT = f"""\
[Unit]
Description=The story of a watchdog
After=multi-user.target
[Service]
Type=simple
ExecStart=/usr/bin/python3 -u /{INSIDE}/story.py
ExecStopPost=/usr/bin/systemctl --no-block poweroff
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStopSec=10
[Install]
WantedBy=multi-user.target
"""


class Guest:
    """`folder` gets the disk, the console's log and the reports; it is made anew."""

    def __init__(self, tree, folder):
        self.tree = tree
        self.folder = folder
        remove(folder)
        folder.mkdir(parents=True)
        self.root = folder / "root"
        copy_tree(tree, self.root)
        self.inside = self.root / INSIDE
        shutil.copytree(GUEST, self.inside)
        (self.root / "etc/systemd/system/guest-story.service").write_text(UNIT)
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / "guest-story.service").symlink_to("/etc/systemd/system/guest-story.service")
        for unit in ("serial-getty@ttyS0.service", "apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer",
                     "e2scrub_all.timer", "fstrim.timer"):
            (self.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        (self.root / "etc/hostname").write_text("guest\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost guest\n::1 localhost\n")
        (self.root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")

    def take(self, files, place):
        """Copies into the guest, below its folder."""
        target = self.inside / place
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy2(file, target)

    def boot(self, seconds, each):
        """Runs it to its end, or to `seconds`. Calls `each` with every report; returns them all."""
        kernels = sorted((self.root / "boot").glob("vmlinuz-*"))
        if not kernels:
            raise Failed(f"no kernel in {self.root}/boot")
        kernel = shutil.copy(kernels[-1], self.folder / "vmlinuz")
        initrd = shutil.copy(str(kernels[-1]).replace("vmlinuz", "initrd.img"), self.folder / "initrd")
        disk = self.folder / "disk"
        log = self.folder / "host.log"
        run(["truncate", "-s", "6G", disk], log)
        run(["mkfs.ext4", "-q", "-F", "-d", self.root, disk], log)
        remove(self.root)
        reports = self.folder / "reports.jsonl"
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", CPU, "-m", "2G", "-smp", "2",
                   "-display", "none", "-no-reboot", "-nodefaults", "-kernel", kernel, "-initrd", initrd,
                   "-append", "root=/dev/vda rw console=ttyS0 quiet panic=-1 systemd.show_status=0",
                   "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe", "-nic", "none",
                   "-serial", f"file:{self.folder / 'console.log'}", "-serial", f"file:{reports}"]
        with log.open("ab") as out, subprocess.Popen([str(word) for word in command], stdout=out, stderr=out,
                                                     stdin=subprocess.DEVNULL) as qemu:
            try:
                return self.follow(qemu, reports, time.monotonic() + seconds, each)
            finally:
                if qemu.poll() is None:
                    qemu.kill()
                disk.unlink(missing_ok=True)

    def console(self):
        file = self.folder / "console.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def follow(self, qemu, reports, deadline, each):
        seen = []
        while True:
            ended = qemu.poll() is not None
            lines = reports.read_text(errors="replace").splitlines(keepends=True) if reports.exists() else []
            for line in lines[len(seen):]:
                if not line.endswith("\n"):
                    break
                seen.append(json.loads(line))
                each(seen[-1])
            if ended:
                return seen
            if time.monotonic() > deadline:
                raise Failed(f"the guest did not end in time; its console is in {self.folder / 'console.log'}")
            time.sleep(0.5)
