#!/usr/bin/env python3
"""demo.py BIN: the demonstration itself, as root; see scripts/demo.sh. BIN holds sockdogd, sockdog-relay and sockdog."""
import grp
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from stage import Missing, Stage, free_port

DEMO = Path(__file__).resolve().parent
PROGRAMS = DEMO.parents[1] / "tests" / "programs"
PER_SECOND = 8
KEEP_ALIVE_SECONDS = 3
LIFE_SECONDS = 180  # of the bundled clients, should nobody end them
MOST_LINES = 40

# Minutes are seconds here: nobody watches a demonstration for an hour.
CONFIG = """\
tick: 500ms
walk_interval: 500ms
state_dir: {folder}/state
books: {{pinned: never, pin_directory: {folder}/bpf}}
relay: {{state_dir: {folder}/relay}}
control: {{socket: {folder}/control, group: {group}}}
defaults:
  close_wait: {{count: 8, dwell: 2s, wake: 16}}
  idle_growth: {{survivors: 12, windows: 3, window: 3s, min_age: 2s}}
  incident: {{resolve_after: 12s, gone_after: 10s}}
policies:
  - name: demo
    match: {{command_line: "*/leaky.py {port} *"}}
    remedy:
      action: command
      command: [/bin/sh, -c, "kill -HUP {supervisor}"]
      dry_run: false
      sustained: 3s
      verify: 8s
receivers:
  - name: demo
    type: webhook
    url: http://127.0.0.1:{receiver}/alerts
    secret_file: {folder}/secret
    backoff_initial: 200ms
"""


class Demo:
    def __init__(self, stage, folder_of_programs):
        self.stage = stage
        self.bin = folder_of_programs
        self.told = 0
        self.port = free_port()
        self.endpoint = f"127.0.0.1:{self.port}"

    def ask(self, *words):
        environment = {**os.environ, "SOCKDOG_SOCKET": str(self.stage.path("control")), "COLUMNS": "100"}
        return subprocess.run([self.bin / "sockdog", *words], env=environment, capture_output=True, text=True,
                              errors="replace", timeout=30, check=False)

    def show(self, *words):
        answer = self.ask(*words)
        lines = (answer.stdout + answer.stderr).rstrip().splitlines()
        shown = lines[:MOST_LINES]
        if len(lines) > MOST_LINES:
            shown.append(f"... and {len(lines) - MOST_LINES} more lines")
        self.stage.show("$ sockdog " + " ".join(words), shown)

    def alerts(self):
        """What the receiver has got of this leak; what is new is told. The host may have leaks of its own."""
        records = self.stage.path("alerts.jsonl")
        lines = records.read_text(encoding="utf-8").splitlines() if records.exists() else []
        alerts = [json.loads(line) for line in lines]
        for alert in alerts[self.told:]:
            event = alert["event"]
            signature = "signature verified" if alert["genuine"] else "WRONG SIGNATURE"
            self.stage.say(f"ALERT {event['event']}, {event['severity']}, {signature}:\n"
                           f"          {event['summary']}")
        self.told = len(alerts)
        return [alert["event"] for alert in alerts
                if alert["genuine"] and alert["event"]["incident"]["first"]["endpoint"] == self.endpoint]

    def alert(self, event, outcome=None):
        for alert in self.alerts():
            if alert["event"] == event and (not outcome or alert["incident"]["remedies"][-1]["outcome"] == outcome):
                return alert
        return None

    def leaky_pid(self):
        return int(self.stage.path("leaky.pid").read_text())

    def set_up(self):
        stage, folder = self.stage, self.stage.folder
        nobody = pwd.getpwnam("nobody")
        stage.path("secret").write_text(secrets.token_hex(32) + "\n")
        stage.path("relay").mkdir(mode=0o700)
        for name in ("secret", "relay"):
            os.chown(stage.path(name), nobody.pw_uid, nobody.pw_gid)
        stage.path("secret").chmod(0o400)
        # The checkout may be in a folder that nobody may enter.
        relay = shutil.copy(self.bin / "sockdog-relay", stage.path("sockdog-relay"))

        receiver = free_port()
        stage.start("receiver", [sys.executable, DEMO / "receiver.py", receiver, stage.path("secret"),
                                 stage.path("alerts.jsonl")])
        for program in ("leaky_client", "pooled_client", "ticking_client", "keepalive_server"):
            shutil.copy(PROGRAMS / f"{program}.py", stage.path(program.split("_", maxsplit=1)[0] + ".py"))
        stage.start("server", [sys.executable, stage.path("keepalive.py"), self.port, KEEP_ALIVE_SECONDS])
        stage.wait_for("the bundled server", 10, lambda: is_listening(self.port))
        stage.wait_for("the receiver", 10, lambda: is_listening(receiver))
        supervisor = self.start_client("leaky", PER_SECOND, [DEMO / "supervisor.sh", stage.path("leaky.pid")])
        stage.wait_for("the pid of the leaking program", 10, lambda: stage.path("leaky.pid").exists())
        config = CONFIG.format(folder=folder, group=grp.getgrgid(nobody.pw_gid).gr_name, port=self.port,
                               receiver=receiver, supervisor=supervisor.pid)
        stage.path("sockdog.yaml").write_text(config)
        stage.start("sockdogd", [self.bin / "sockdogd", "--config", stage.path("sockdog.yaml"),
                                 "--helper-dir", self.bin])
        stage.wait_for("sockdogd on its control socket", 30, lambda: self.ask("status").returncode == 0)
        stage.say("sockdogd (root) keeps the books of all TCP sockets of this host")
        stage.start("sockdog-relay", [relay, "--config", stage.path("sockdog.yaml")], user="nobody")
        stage.say("sockdog-relay (user nobody) tells a receiver on loopback")
        self.start_client("pooled", PER_SECOND)
        self.start_client("ticking", KEEP_ALIVE_SECONDS + 2)
        stage.say(f"leaky.py (pid {self.leaky_pid()}) opens {PER_SECOND} connections a second and keeps each; pooled.py "
                  "asks as often\n          over 4; ticking.py has 3 sockets in CLOSE_WAIT between its ticks, for ever")

    def start_client(self, name, pace, keeper=()):
        program = self.stage.path(name + ".py")
        return self.stage.start(name, [*keeper, sys.executable, program, self.port, pace, LIFE_SECONDS])

    def run(self):
        stage = self.stage
        self.set_up()
        offender = self.leaky_pid()
        opened = stage.wait_for("the alert that a leak was found", 60, lambda: self.alert("opened"))
        incident = opened["incident"]
        self.show("ps")
        self.show("incidents")
        self.show("explain", incident["id"])
        stage.wait_for("the alert that a remedy was begun", 30, lambda: self.alert("remedied", "started"))
        restarted = stage.wait_for("the restarted program", 20, lambda: self.restarted(offender))
        stage.say(f"the program was restarted: pid {offender} is now {restarted}")
        stage.wait_for("the books' word that the remedy worked", 40, lambda: self.alert("remedied", "succeeded"))
        stage.wait_for("the alert that it is resolved", 40, lambda: self.alert("resolved"))
        self.show("incidents", "--all")
        self.show("ps")
        self.check(offender, opened)

    def restarted(self, offender):
        pid = self.leaky_pid()
        return pid if pid != offender else None

    def check(self, offender, opened):
        """That it was this leak, told once, and no word about anybody else's."""
        finding = opened["incident"]["first"]
        reply = json.loads(self.ask("--json", "incidents", "--all").stdout)
        incidents = reply["incidents"]
        here = [i for i in incidents if i["first"]["endpoint"] == self.endpoint]
        healthy = {self.stage.programs[name].pid for name in ("pooled", "ticking")}
        blamed = {i[when]["process"]["pid"] for i in incidents for when in ("first", "latest", "worst")}
        if not here:
            raise Missing("the incident in sockdog's own list")
        facts = {
            f"the leak was found: pid {offender} to {self.endpoint}, {finding['class']}":
                finding["process"]["pid"] == offender,
            "the line that opened its connections was named":
                any("leaky.py:" in place["place"] for when in ("first", "latest", "worst") for place in here[0][when]["opened_by"]),
            "one incident, told once":
                len(here) == 1 and [a["event"] for a in self.alerts()].count("opened") == 1,
            "its remedy restarted the program, and the books stayed low afterwards":
                any(r["outcome"] == "succeeded" for r in here[0]["remedies"]),
            "the incident is resolved": not here[0]["open"],
            "every alert was signed": all(json.loads(line)["genuine"] for line in
                                          self.stage.path("alerts.jsonl").read_text().splitlines()),
            "the two healthy programs were never accused": not healthy & blamed,
        }
        self.stage.show("Was all of it seen?",
                        [f"{'seen   ' if is_so else 'MISSING'}  {fact}" for fact, is_so in facts.items()])
        missing = [fact for fact, is_so in facts.items() if not is_so]
        if missing:
            raise Missing("; ".join(missing))


def is_listening(port):
    """Asked of the kernel, not by connecting: that would be a connection in the story."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted and fields[3] == "0A":
            return True
    return False


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    doctor = subprocess.run([folder / "sockdog", "doctor"], capture_output=True, text=True, errors="replace", check=False)
    if doctor.returncode != 0:
        print(doctor.stdout + doctor.stderr)
        print("This host lacks something that sockdog requires, see above.")
        return 69
    with Stage() as stage:
        try:
            Demo(stage, folder).run()
        except Missing as missing:
            stage.show_logs()
            print(f"\nNOT SEEN: {missing}")
            return 1
        except KeyboardInterrupt:
            return 130
        stage.say("all of it was seen")
    return 0


sys.exit(main())
