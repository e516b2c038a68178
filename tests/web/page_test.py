#!/usr/bin/python3
"""page_test.py BIN [SCREENSHOTS]: the page of sockdog-relay in a real headless Chromium, with a made-up agent.

BIN has sockdog-relay. With SCREENSHOTS, a folder, pictures for docs/ are written there. Exits with 77 where Chromium, its driver
or selenium is missing.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("SKIPPED: no selenium for python3 (package python3-selenium)")
    sys.exit(77)

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"
PATIENCE = 30


def finding(leak_class, leaked, severity, place):
    return {"class": leak_class, "severity": severity, "process": {"pid": 4242, "start_ticks": 99}, "role": "opened",
            "endpoint": "10.0.0.6:25555", "netns": 4026531840, "leaked": leaked, "close_wait": leaked, "established": 3,
            "idle": 0, "oldest_dwell_seconds": 5400.0, "slope_per_minute": 2.0, "window_seconds": 600.0,
            "opened_in_window": 20, "closed_in_window": 0, "recv_queue_median_bytes": 1, "recv_queue_max_bytes": 1,
            "requests_per_connection": 1.0, "busy_median_seconds": 0.2, "growing_windows": 5,
            "opened_by": [{"place": place, "sockets": leaked}],
            "ports": {"used": 9000, "limit": 28232, "growth_per_minute": 2.0,
                      "runs_out": {"earliest_seconds": 561600.0, "latest_seconds": 600000.0}},
            "victims": [], "advice": "Close each connection when its answer was read, or keep one client for all."}


def incident(number, name, leak_class="close_wait", leaked=57, severity="warning", remedies=(), resolved=None):
    last = finding(leak_class, leaked, severity, "/srv/director.rb:72 perform_request")
    return {"id": f"i{number}", "key": f"k{number}", "policy": "default", "open": resolved is None, "summary": "",
            "owner": {"process": last["process"], "name": name, "alive": True, "comm": name, "executable": "/usr/bin/" + name,
                      "command_line": f"/usr/bin/{name} --serve", "uid": 0, "cgroup": f"/system.slice/{name}.service",
                      "unit": f"{name}.service"},
            "first": last, "latest": last, "worst": last, "opened_at": "2026-11-27T08:00:00.000Z",
            "updated_at": "2026-11-27T09:30:00.000Z", "resolved_at": resolved,
            "resolve_reason": "process ended" if resolved else "", "remedies": list(remedies)}


def remedy(outcome, reason):
    return {"outcome": outcome, "action": "systemd-restart", "target": "health_monitor.service", "reason": reason,
            "attempt": 1, "process": {"pid": 4242, "start_ticks": 99}, "at": "2026-11-27T09:00:00.000Z", "needs_person": False}


class Agent(threading.Thread):
    """Answers on the control socket as sockdogd does; `incidents` may change at any time."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.revision = 0
        self.incidents = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.start()

    @property
    def incidents(self):
        return self._incidents

    @incidents.setter
    def incidents(self, incidents):
        self._incidents = incidents
        self.revision += 1  # the journal grows with every change

    def run(self):
        while True:
            connection, _ = self.server.accept()
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        pending = b""
        while data := connection.recv(65536):
            pending += data
            while b"\0" in pending:
                call, pending = pending.split(b"\0", 1)
                answer = self.answer(json.loads(call))
                if answer is not None:
                    connection.sendall(json.dumps(answer).encode() + b"\0")

    def answer(self, call):
        name = call["method"].rsplit(".", 1)[1]
        if name == "GetStatus":
            sockets = {"ESTABLISHED": 412, "CLOSE_WAIT": sum(one["latest"]["leaked"] for one in self.incidents if one["open"]),
                       "LISTEN": 31}
            return {"parameters": {"status": {"version": "0.1.0", "pid": 700, "started_at": "2026-11-20T00:00:00.000Z",
                                              "sockets": sum(sockets.values()), "max_sockets": 262144, "processes": 87,
                                              "totals": {"sockets": sockets}, "losses": {}, "held": None,
                                              "last_revision": self.revision}}}
        if name == "ListProcesses":
            return {"parameters": {"processes": []}}
        if name == "ListIncidents":
            every = (call.get("parameters") or {}).get("all")
            return {"parameters": {"incidents": [one for one in self.incidents if every or one["open"]]}}
        if name == "Revisions":
            return {"parameters": {"revisions": [], "last": 0}, "continues": True}
        return {"error": "org.varlink.service.MethodNotFound", "parameters": {"method": call["method"]}}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, words):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(words)


class Stage:
    def __init__(self, binaries, folder):
        self.port = free_port()
        self.command = [binaries / "sockdog", "--relay-socket", folder / "relay"]
        self.agent = Agent(folder / "control")
        config = folder / "sockdog.yaml"
        config.write_text(f"relay: {{web: {{listen: '127.0.0.1:{self.port}'}}}}\n"
                          "receivers: [{name: oncall, type: exec, command: [/bin/true]}]\n")
        self.relay = subprocess.Popen([binaries / "sockdog-relay", "--config", config, "--control-socket", folder / "control",
                                       "--state-dir", folder / "state", "--socket", folder / "relay", "--log-level", "error"])
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1400", "--no-first-run",
                     "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile", "--force-device-scale-factor=1"]:
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(service=Service(DRIVER), options=options)

    def sockdog(self, *words):
        subprocess.run([*self.command, *words], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def open(self):
        eventually(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, "the relay does not listen")
        self.browser.get(self.url())
        eventually(lambda: self.browser.execute_script("return document.body.dataset.drawn") == "yes", "nothing was drawn")

    def text(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector).text

    def shows(self, selector, text):
        eventually(lambda: text in self.text(selector), f"{selector} does not show {text!r}, but {self.text(selector)!r}")

    def problems(self):
        """What the browser complained about: a policy that was broken, a file that is missing."""
        return [entry["message"] for entry in self.browser.get_log("browser")
                if entry["level"] == "SEVERE" and "favicon" not in entry["message"]]

    def picture(self, folder, name):
        if folder:
            height = self.browser.execute_script("return document.documentElement.scrollHeight")
            self.browser.set_window_size(1200, min(height + 140, 2400))
            self.browser.save_screenshot(str(folder / f"{name}.png"))

    def media(self, **features):
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                     {"features": [{"name": name.replace("_", "-"), "value": value}
                                                   for name, value in features.items()]})

    def close(self):
        self.browser.quit()
        self.relay.send_signal(signal.SIGTERM)
        self.relay.wait(timeout=PATIENCE)


def contrast(first, second):
    def luminance(color):
        channels = [int(part) / 255 for part in color[color.index("(") + 1:].rstrip(")").split(",")[:3]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted([luminance(first), luminance(second)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def check_contrast(stage):
    """WCAG 2, level AA: 4.5 to 1 for text."""
    pairs = stage.browser.execute_script("""
        const ground = (one) => { for (; one; one = one.parentElement) {
            const color = getComputedStyle(one).backgroundColor;
            if (color !== "rgba(0, 0, 0, 0)" && color !== "transparent") return color; } return "rgb(255, 255, 255)"; };
        return [...document.querySelectorAll("h1, h2, h3, p, dt, dd, li, a, .badge, summary, th, td")]
            .filter((one) => one.textContent.trim() && one.offsetParent)
            .map((one) => [one.textContent.trim().slice(0, 40), getComputedStyle(one).color, ground(one)]);""")
    assert len(pairs) > 10, pairs
    for text, color, ground in pairs:
        assert contrast(color, ground) >= 4.5, (text, color, ground, contrast(color, ground))


def check_page(stage, pictures):
    stage.open()
    stage.shows("#verdict", "Nothing leaks.")
    stage.shows("#incidents", "None.")
    stage.shows("#receivers", "oncall")
    stage.shows("#silences", "None.")
    stage.shows("#live", "Live")
    stage.picture(pictures, "page-empty")

    # It follows by itself.
    stage.agent.incidents = [incident(7, "health_monitor", remedies=[remedy("started", "leaked 57, above 5 for 5m")])]
    stage.shows("#verdict", "1 leak is open.")
    stage.shows("#incidents", "health_monitor")
    stage.shows("#incidents", "57 in CLOSE_WAIT")
    stage.shows("#incidents", "keep one client and reuse it")
    stage.shows("#remedies", "systemd-restart health_monitor.service")
    assert stage.browser.title == "(1) sockdog", stage.browser.title

    # By keyboard alone: the first stop skips to the incidents, whose evidence a key unfolds; an update leaves it unfolded.
    stage.browser.get(stage.url())
    stage.shows("#incidents", "health_monitor")
    keys = ActionChains(stage.browser)
    keys.send_keys(Keys.TAB).perform()
    active = stage.browser.switch_to.active_element
    assert "Skip to the incidents" in active.text and active.is_displayed(), active.text
    keys.send_keys(Keys.ENTER).perform()
    keys.send_keys(Keys.TAB).perform()
    active = stage.browser.switch_to.active_element
    assert active.tag_name == "summary", active.tag_name
    keys.send_keys(Keys.ENTER).perform()
    stage.shows("#incidents dl.facts", "/srv/director.rb:72 perform_request")
    stage.agent.incidents = [incident(7, "health_monitor", leaked=61, remedies=[remedy("started", "leaked 57, above 5 for 5m")])]
    stage.shows("#incidents", "61 in CLOSE_WAIT")
    assert stage.browser.find_element(By.CSS_SELECTOR, "#incidents details").get_attribute("open"), "folded by an update"
    assert stage.browser.switch_to.active_element.tag_name == "summary", "an update took the focus away"
    time.sleep(11)  # the next sample of the history
    stage.browser.get(stage.url())
    stage.shows("#chart-words", "close_wait now 61")
    assert stage.browser.find_elements(By.CSS_SELECTOR, "#chart svg path.series")
    stage.picture(pictures, "page-one")

    # What a screen reader is given.
    tree = stage.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = {(node.get("role", {}).get("value"), node.get("name", {}).get("value")) for node in tree if not node.get("ignored")}
    for wanted in [("heading", "sockdog"), ("heading", "Open incidents"), ("region", "Open incidents"),
                   ("region", "Leaked sockets by class"), ("main", ""), ("link", "Skip to the incidents"),
                   ("columnheader", "Delivered")]:
        assert wanted in told, (wanted, sorted(str(one) for one in told))
    assert any(role in ("image", "img") and "close_wait" in (name or "") for role, name in told), "the chart has no words"
    assert any(role == "status" for role, _ in told), "changes are not announced"

    # Names of programs are text, whatever is in them.
    stage.agent.incidents = [incident(8, "<img src=x onerror=document.title='broken'>", leaked=9)]
    stage.shows("#incidents", "<img src=x onerror")
    assert not stage.browser.find_elements(By.CSS_SELECTOR, "#incidents img")

    # Thirty at once, some of them critical.
    classes = ["close_wait", "idle_growth", "backlog", "dead_fd", "half_closed", "unused"]
    stage.agent.incidents = [incident(100 + n, f"service-{n}", classes[n % 6], 10 + 7 * n, "critical" if n % 7 == 3 else "warning")
                             for n in range(30)]
    stage.agent.incidents += [incident(99, "old-service", resolved="2026-11-27T07:00:00.000Z")]
    stage.shows("#verdict", "30 leaks are open, 4 critical.")
    stage.shows("#resolved", "i99 old-service: process ended")
    assert len(stage.browser.find_elements(By.CSS_SELECTOR, "#incidents article")) == 30
    stage.picture(pictures, "page-thirty")

    # Light and dark, both readable.
    grounds = set()
    for scheme in ["light", "dark"]:
        stage.media(prefers_color_scheme=scheme)
        grounds.add(stage.browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
        check_contrast(stage)
    assert len(grounds) == 2, grounds
    stage.picture(pictures, "page-dark")
    stage.media(prefers_color_scheme="light")

    # A narrow screen scrolls in one direction only.
    stage.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                  {"width": 360, "height": 700, "deviceScaleFactor": 1, "mobile": True})
    wide = stage.browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= 360, f"{wide} pixels wide"
    stage.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    assert not stage.problems(), stage.problems()

    # The policy is in force: nothing comes from elsewhere.
    blocked = stage.browser.execute_async_script("""
        const done = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
        const image = document.createElement("img");
        image.src = "http://127.0.0.2:1/x.png";
        document.body.append(image);
        setTimeout(() => done("nothing was blocked"), 5000);""")
    assert blocked == "img-src", blocked


def check_silences(stage):
    """Needs root, as a silence does."""
    stage.sockdog("silence", "--unit", "batch@*.service", "--for", "1h", "--comment", "<b>nightly</b> import")
    stage.shows("#silences", "batch@*.service, every class, until ")
    stage.shows("#silences", "<b>nightly</b> import")
    stage.sockdog("silence", "--end", "1")
    stage.shows("#silences", "None.")


def main():
    for program in [CHROMIUM, DRIVER]:
        if not os.access(program, os.X_OK):
            print(f"SKIPPED: no {program} (packages chromium, chromium-driver)")
            return 77
    binaries = pathlib.Path(sys.argv[1]).resolve()
    pictures = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(prefix="sockdog-page-") as folder:
        stage = Stage(binaries, pathlib.Path(folder))
        try:
            check_page(stage, pictures)
            if os.geteuid() == 0:
                check_silences(stage)
        finally:
            stage.close()
    print("the page is as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
