"""The relay under systemd: what it may do, who may ask it, and what it told."""
import json
import urllib.request

from packages_story import is_active, main_pid, process_status
from steps import expect, run, run_all, wait_for

UNIT = "sockdog-relay.service"
STATE = "/var/lib/private/sockdog-relay"
MESSAGE_ID = "7d4bb6cf9a0e4b0c8a52f1f36a2d9c11"
PAGE = "http://127.0.0.1:9743"
# A directory that lets the relay's user make files, seen with its mounts, its user and its groups.
WRITABLE = ["find", "/", "-ignore_readdir_race", "-path", "/proc/[0-9]*", "-prune", "-o", "-writable", "(", "-type", "d", "-o",
            "-type", "f", ")", "-print"]


def as_the_relay(*command):
    """In the mount namespace of the relay, as its user, in its groups."""
    pid = main_pid(UNIT)
    fields = process_status(pid)
    uid, gid = fields["Uid"].split()[0], fields["Gid"].split()[0]
    return run_all("nsenter", f"--target={pid}", "--mount", "setpriv", f"--reuid={uid}", f"--regid={gid}",
                   f"--groups={','.join(fields['Groups'].split())}", "--bounding-set=-all", "--inh-caps=-all", *command)


def relay_confined():
    """No capability, a system call filter, no user of the host, and nothing to write to but its state."""
    fields = process_status(main_pid(UNIT))
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        expect(int(fields[name], 16) == 0, f"{name} of the relay is {fields[name]}")
    expect(fields["NoNewPrivs"] == "1", "NoNewPrivs is not set")
    expect(fields["Seccomp"] == "2", "no system call filter")
    expect(fields["Uid"].split()[0] != "0", "the relay runs as root")
    words = as_the_relay(*WRITABLE)[1].splitlines()
    places = sorted(line for line in words if line.startswith("/"))
    expect(any(place.startswith(STATE) for place in places), f"its own state is not writable, so this cannot be seen: {words}")
    others = [place for place in places if not place.startswith(STATE)]
    expect(not others, f"the relay may write to {others}")
    code, text = as_the_relay("touch", f"{STATE}/vm", "/tmp/vm", "/var/tmp/vm", "/dev/shm/vm")
    expect(code != 0 and text.count("cannot touch") == 3, f"touch in its mounts: {text}")
    as_the_relay("rm", f"{STATE}/vm")
    return f"filters {fields.get('Seccomp_filters', '?')}, writable: {', '.join(places)}", fields


def as_user(user, *command):
    return run_all("setpriv", f"--reuid={user}", "--regid=nogroup", "--init-groups", *command)


def relay_socket():
    """The group sockdog may ask, root may act, nobody else may do either; stopped it stays stopped; the port serves."""
    run("useradd", "--no-create-home", "--groups", "sockdog", "vm-operator")
    run("useradd", "--no-create-home", "vm-visitor")
    code, text = as_user("vm-operator", "sockdog", "alerts")
    expect(code == 0 and "nothing waits" in text, f"the group: {code} {text}")
    code, text = as_user("vm-operator", "sockdog", "silence", "--unit", "x", "--for", "1m")
    expect(code != 0 and "root" in text, f"a silence of the group: {code} {text}")
    code, text = as_user("vm-visitor", "sockdog", "alerts")
    expect(code != 0 and "sockdog" in text, f"a visitor: {code} {text}")
    code, text = run_all("sockdog", "silence", "--unit", "nothing.service", "--for", "1m")
    expect(code == 0, f"a silence of root: {text}")

    run("systemctl", "stop", UNIT)
    code, text = run_all("sockdog", "alerts")
    expect(code != 0 and "sockdog-relay" in text, f"no relay: {code} {text}")
    expect(not is_active(UNIT) and not is_active("sockdog-relay.socket"), "asking started a relay that was stopped")
    run("systemctl", "start", UNIT)
    expect(is_active("sockdog-relay.socket"), "the socket did not come with the service")
    run("systemctl", "kill", "--signal=SIGKILL", UNIT)
    wait_for("another relay", 60, lambda: is_active(UNIT) and run_all("sockdog", "alerts")[0] == 0)
    expect("nothing.service" in run("sockdog", "silence"), "the silence did not outlive SIGKILL")
    run("sockdog", "silence", "--end", "1")

    metrics = wait_for("metrics", 30, lambda: fetch("/metrics"))
    expect("\nsockdog_agent_up 1" in metrics, f"/metrics: {metrics[:500]}")
    expect("sockdog" in fetch("/"), "no page")
    return f"{metrics.count('# TYPE')} families on {PAGE}/metrics", text


def fetch(path):
    with urllib.request.urlopen(PAGE + path, timeout=10) as answer:
        return answer.read().decode()


def relay_told():
    """journald has each event of the incident once, with its fields, beside those of the unit."""
    def entries():
        text = run("journalctl", "-q", "--no-pager", "-o", "json", f"MESSAGE_ID={MESSAGE_ID}")
        return [json.loads(line) for line in text.splitlines()]
    wait_for("the end in the journal", 30, lambda: "resolved" in [entry["SOCKDOG_EVENT"] for entry in entries()])
    told = entries()
    keys = [entry["SOCKDOG_IDEMPOTENCY_KEY"] for entry in told]
    expect(len(keys) == len(set(keys)), f"told twice: {keys}")
    first = told[0]
    expect(first["SOCKDOG_EVENT"] == "opened" and first["SOCKDOG_UNIT"] == "vm-leaky.service", f"first: {first}")
    expect(first["_SYSTEMD_UNIT"] == UNIT, f"told by {first['_SYSTEMD_UNIT']}")
    beside = run("journalctl", "-q", "--no-pager", "_SYSTEMD_UNIT=vm-leaky.service", "+", "SOCKDOG_UNIT=vm-leaky.service")
    expect(first["MESSAGE"] in beside, f"not beside the unit's own: {beside}")
    waiting = json.loads(run("sockdog", "--json", "alerts"))["alerts"]
    expect(not waiting, f"still waiting: {waiting}")
    return f"{len(told)} entries: {', '.join(entry['SOCKDOG_EVENT'] for entry in told)}", first
