// The page of sockdog-relay: draws /api/state, follows /events, asks again where that ends. Every text comes from
// programs that are watched: it is set as text, never as markup.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function drawing(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function time(text) {
  const made = element("time", new Date(text).toLocaleString());
  made.dateTime = text;
  return made;
}

function duration(seconds) {
  if (seconds < 90) return Math.round(seconds) + " s";
  if (seconds < 5400) return Math.round(seconds / 60) + " min";
  if (seconds < 172800) return Math.round(seconds / 3600) + " h";
  return Math.round(seconds / 86400) + " days";
}

const isCritical = (incident) => incident.severity === "critical";

function verdict(state) {
  const open = state.incidents.length;
  const words = byId("verdict");
  let text = "Nothing leaks.";
  let kind = "good";
  if (!state.up) {
    text = state.problem || "sockdogd does not answer";
    kind = "critical";
  } else if (open > 0) {
    const critical = state.incidents.filter(isCritical).length;
    text = open + (open === 1 ? " leak is open" : " leaks are open") + (critical ? ", " + critical + " critical" : "") + ".";
    kind = critical ? "critical" : "warning";
  }
  if (words.textContent !== text) words.textContent = text; // said aloud only when it changes
  words.className = kind;
  document.title = (open > 0 ? "(" + open + ") " : "") + "sockdog";
}

function tiles(state) {
  const list = [];
  const tile = (name, value, kind) => {
    const box = element("div");
    box.append(element("dt", name), element("dd", value, kind));
    list.push(box);
  };
  tile("Open incidents", state.incidents.length, state.incidents.length ? "warning" : "good");
  const leaked = state.incidents.reduce((sum, one) => sum + one.latest.leaked, 0);
  tile("Leaked sockets", leaked);
  if (state.status) {
    const sockets = state.status.totals.sockets || {};
    tile("Sockets", state.status.sockets);
    tile("CLOSE_WAIT", sockets.CLOSE_WAIT || 0);
    tile("Processes", state.status.processes);
    if (state.status.lost) tile("Lost by the books", state.status.lost, "warning");
    if (state.status.held !== null) tile("Remedies", "on hold", "warning");
    if (state.status.config_error) tile("Configuration", "refused", "warning");
  }
  byId("tiles").replaceChildren(...list);
}

function facts(incident) {
  const latest = incident.latest;
  const list = element("dl", null, "facts");
  const fact = (name, value) => {
    if (value === undefined || value === null || value === "") return;
    const dd = element("dd");
    dd.append(value);
    list.append(element("dt", name), dd);
  };
  fact("Class", latest.class);
  fact("Endpoint", latest.endpoint);
  fact("Leaked", String(latest.leaked));
  fact("CLOSE_WAIT, ESTABLISHED", latest.close_wait + ", " + latest.established);
  fact("Growth", latest.slope_per_minute.toFixed(1) + " a minute");
  fact("Oldest", duration(latest.oldest_dwell_seconds));
  for (const [name, supply] of [["Local ports", latest.ports], ["File descriptors", latest.fds]]) {
    if (!supply) continue;
    const end = supply.runs_out ? ", run out in " + duration(supply.runs_out.earliest_seconds) + " at the earliest" : "";
    fact(name, supply.used + " of " + supply.limit + end);
  }
  for (const place of latest.opened_by || []) fact("Opened at", place.place + " (" + place.sockets + ")");
  for (const victim of latest.victims || []) fact("Also fails", victim.name + " (pid " + victim.process.pid + "), " + victim.failures + " times");
  fact("Unit", incident.owner.unit);
  fact("Executable", incident.owner.executable);
  fact("Command line", incident.owner.command_line);
  fact("Container", incident.owner.container_id);
  fact("Policy", incident.policy);
  return list;
}

function incidents(state) {
  const box = byId("incidents");
  const unfolded = new Set([...box.querySelectorAll("details[open]")].map((one) => one.dataset.id));
  const focused = document.activeElement && document.activeElement.closest("details");
  const focusedId = focused && box.contains(focused) ? focused.dataset.id : null;
  const worstFirst = [...state.incidents].sort((a, b) => isCritical(b) - isCritical(a) || b.latest.leaked - a.latest.leaked);
  const list = worstFirst.map((incident) => {
    const critical = isCritical(incident);
    const article = element("article", null, critical ? "is-critical" : "");
    const title = element("h3", incident.owner.name + " ");
    title.append(element("span", critical ? "critical" : "warning", "badge " + (critical ? "critical" : "warning")));
    article.append(title, element("p", incident.summary + "."));
    const since = element("p", incident.id + ", open since ", "quiet");
    since.append(time(incident.opened_at));
    article.append(since);
    if (incident.latest.advice) article.append(element("p", incident.latest.advice));
    const details = element("details");
    details.dataset.id = incident.id;
    details.open = unfolded.has(incident.id);
    details.append(element("summary", "The evidence of " + incident.id), facts(incident));
    article.append(details);
    return article;
  });
  if (list.length === 0) list.push(element("p", state.up ? "None." : "Not known.", "quiet"));
  box.replaceChildren(...list);
  if (focusedId) {
    const again = box.querySelector('details[data-id="' + CSS.escape(focusedId) + '"] summary');
    if (again) again.focus({ preventScroll: true });
  }
}

function remedies(state) {
  const steps = [];
  for (const incident of [...state.incidents, ...state.resolved])
    for (const step of incident.remedies) steps.push([incident, step]);
  steps.sort((a, b) => (a[1].at < b[1].at ? 1 : -1));
  const list = steps.slice(0, 50).map(([incident, step]) => {
    const item = element("li");
    item.append(time(step.at), " ", element("strong", step.outcome.replace("_", " ")),
      " " + incident.id + " " + incident.owner.name + ": " + step.action + (step.target ? " " + step.target : "") +
      (step.reason ? ": " + step.reason : ""));
    return item;
  });
  if (list.length === 0) list.push(element("li", "None was needed or allowed.", "quiet"));
  byId("remedies").replaceChildren(...list);
}

function resolved(state) {
  const list = state.resolved.slice(0, 20).map((incident) => {
    const item = element("li");
    item.append(time(incident.resolved_at), " " + incident.id + " " + incident.owner.name + ": " + incident.resolve_reason +
      "; at worst " + incident.worst.leaked + " leaked");
    return item;
  });
  if (list.length === 0) list.push(element("li", "None.", "quiet"));
  byId("resolved").replaceChildren(...list);
}

function silences(state) {
  const list = state.silences.map((one) => {
    const item = element("li", (one.unit || "Every unit") + ", " + (one.class || "every class") + ", until ");
    item.append(time(one.until), " (" + one.id + ", by " + one.by + (one.comment ? ": " + one.comment : "") + ")");
    return item;
  });
  if (list.length === 0) list.push(element("li", "None.", "quiet"));
  byId("silences").replaceChildren(...list);
}

function receivers(state) {
  const box = byId("receivers");
  if (state.receivers.length === 0) {
    box.replaceChildren(element("p", "None: nobody is told of anything.", "quiet"));
    return;
  }
  const table = element("table");
  const head = element("tr");
  for (const [name, kind] of [["Name"], ["Type"], ["Delivered", "number"], ["Waiting", "number"], ["Failed attempts", "number"], ["Given up", "number"]]) {
    const cell = element("th", name, kind);
    cell.scope = "col";
    head.append(cell);
  }
  const thead = element("thead");
  thead.append(head);
  const body = element("tbody");
  for (const one of state.receivers) {
    const row = element("tr");
    const name = element("th", one.name);
    name.scope = "row";
    row.append(name, element("td", one.type), element("td", one.delivered, "number"), element("td", one.pending, "number"),
      element("td", one.failed_attempts, "number"), element("td", one.dead_letters, one.dead_letters ? "number critical" : "number"));
    body.append(row);
  }
  table.append(thead, body);
  const scroll = element("div", null, "table");
  scroll.append(table);
  box.replaceChildren(scroll);
}

function chart(history) {
  const width = 900;
  const height = 220;
  const left = 46;
  const bottom = 24;
  const names = Object.keys(history.classes);
  const words = byId("chart-words");
  if (names.length === 0) {
    byId("chart").replaceChildren();
    words.textContent = "None leaked since sockdog-relay started, or within the last day.";
    return;
  }
  const at = history.at;
  const first = at[0];
  const span = Math.max(at[at.length - 1] - first, 60);
  const top = Math.max(1, ...names.flatMap((name) => history.classes[name].map((value) => value || 0)));
  const x = (when) => left + ((when - first) / span) * (width - left - 12);
  const y = (value) => height - bottom - (value / top) * (height - bottom - 14);
  const svg = drawing("svg", { viewBox: "0 0 " + width + " " + height, role: "img", "aria-labelledby": "chart-title chart-words" });
  svg.append(drawing("line", { class: "axis", x1: left, x2: width - 12, y1: y(0), y2: y(0) }));
  svg.append(drawing("line", { class: "axis", x1: left, x2: width - 12, y1: y(top), y2: y(top) }));
  svg.append(drawing("text", { x: left - 6, y: y(0) + 4, "text-anchor": "end" }, "0"));
  svg.append(drawing("text", { x: left - 6, y: y(top) + 4, "text-anchor": "end" }, String(top)));
  const clock = (when) => new Date(when * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  svg.append(drawing("text", { x: left, y: height - 6 }, clock(first)));
  svg.append(drawing("text", { x: width - 12, y: height - 6, "text-anchor": "end" }, clock(at[at.length - 1])));
  const legend = [];
  names.forEach((name, index) => {
    let path = "";
    let pen = "M";
    history.classes[name].forEach((value, i) => {
      if (value === null) {
        pen = "M"; // a gap: sockdogd did not answer
        return;
      }
      path += pen + x(at[i]).toFixed(1) + " " + y(value).toFixed(1) + (pen === "M" ? "h0" : ""); // one alone is a dot
      pen = "L";
    });
    svg.append(drawing("path", { class: "series s" + index, d: path }));
    const values = history.classes[name].filter((value) => value !== null);
    legend.push([name, index, values[values.length - 1] || 0, Math.max(...values)]);
  });
  byId("chart").replaceChildren(svg);
  words.replaceChildren(...legend.flatMap(([name, index, last, most], i) => [
    i ? "; " : "", element("strong", "\u25ac " + name, "s" + index), " now " + last + ", at most " + most]));
}

function draw(state) {
  verdict(state);
  tiles(state);
  incidents(state);
  remedies(state);
  resolved(state);
  silences(state);
  receivers(state);
  byId("version").textContent = "Version " + state.version + ".";
  document.body.dataset.drawn = "yes";
}

async function ask(path, use) {
  try {
    const answer = await fetch(path);
    if (answer.ok) use(await answer.json());
    else throw new Error(String(answer.status));
  } catch (error) {
    byId("live").textContent = "sockdog-relay does not answer; what is shown is old.";
  }
}

function follow() {
  const events = new EventSource("/events");
  const live = byId("live");
  events.addEventListener("open", () => { live.textContent = "Live"; });
  events.addEventListener("state", (event) => draw(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    live.textContent = "Not live: asking every ten seconds";
    if (events.readyState !== EventSource.CLOSED) return; // it tries again by itself
    setTimeout(follow, 10000);
    ask("/api/state", draw);
  });
}

ask("/api/state", draw);
ask("/api/history", chart);
setInterval(() => ask("/api/history", chart), 30000);
follow();
