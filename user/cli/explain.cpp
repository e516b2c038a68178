#include "cli/explain.h"

#include <algorithm>

#include "base/text.h"
#include "cli/explain_sites.h"
#include "cli/render.h"
#include "cli/words.h"

namespace sockdog {
namespace {

/// Prose wider than this is hard to read on any screen.
constexpr std::size_t kProseWidth = 100;
constexpr std::size_t kStoryIndent = 10;
constexpr std::size_t kShownSockets = 10;
constexpr std::size_t kShownIncidents = 5;
/// A command line tells enough in this; some are megabytes long.
constexpr std::size_t kCommandLine = 400;

class Story {
  public:
    explicit Story(const Style& style)
        : style_(style), width_(style.width == 0 ? kProseWidth : std::min(style.width, kProseWidth)) {}

    void headline(const std::string& text, Tone tone) {
        out_ += paint(style_, tone, wrap(text, width_, 0)) + "\n";
    }
    /// A paragraph behind its label; nothing where `text` is empty.
    void tell(std::string_view label, const std::string& text) {
        if (text.empty()) return;
        std::string left(label);
        left.resize(kStoryIndent, ' ');
        out_ += paint(style_, Tone::kStrong, left) + wrap(text, width_, kStoryIndent) + "\n";
    }
    void gap() { out_ += "\n"; }
    void raw(const std::string& text) { out_ += text; }
    std::string take() { return std::move(out_); }

  private:
    const Style& style_;
    std::size_t width_;
    std::string out_;
};

std::string who_sentence(const Owner& owner) {
    if (!owner.process.known()) {
        return "Sockets that no process holds: never accepted, or closed and on their way out.";
    }
    std::string text = printable(owner.comm.empty() ? name_of(owner) : owner.comm) + ", process " +
                       pid_text(owner.process) + " of uid " + std::to_string(owner.uid);
    const auto add = [&text](const char* what, const std::string& value) {
        if (!value.empty()) text += std::string(", ") + what + " " + printable(value);
    };
    add("BOSH job", owner.bosh_job);
    add("BPM process", owner.bpm_process);
    add("user unit", owner.user_unit);
    add("unit", owner.unit);
    add("container", owner.container_id.empty() ? "" : unit_of(owner));
    add("pod", owner.pod_uid);
    text += owner.alive ? "." : ". It has ended.";
    const std::string& command = owner.command_line.empty() ? owner.executable : owner.command_line;
    if (!command.empty()) text += " It was started as: " + clip(printable(command), kCommandLine, true);
    return text;
}

/// "5 ESTABLISHED, 2 CLOSE_WAIT".
std::string states_text(const Gauges& gauges) {
    std::string out;
    for (std::size_t i = 1; i < kTcpStateCount; ++i) {
        const auto state = static_cast<TcpState>(i);
        if (gauges.in(state) == 0) continue;
        out += (out.empty() ? "" : ", ") + std::to_string(gauges.in(state)) + " " +
               (state == TcpState::kClose ? "CLOSE (dead, or not used yet)" : std::string(to_string(state)));
    }
    return out;
}

std::string books_sentence(const ExplainView& view) {
    const Gauges& g = view.process.gauges;
    std::string text = g.total() == 0
                           ? "It has no TCP socket now."
                           : "It has " + count_of(g.total(), "TCP socket") + ": " + states_text(g) + ".";
    return text + " Since the books were opened it made " + count_of(g.opened, "connection") + ", accepted " +
           std::to_string(g.accepted) + " and closed " + std::to_string(g.closed) + ".";
}

std::string failures_sentence(const Gauges& g) {
    std::string text;
    const auto add = [&text](std::uint64_t count, const char* what) {
        if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + what;
    };
    add(g.connect_refused, "refused");
    add(g.connect_timed_out, "timed out");
    add(g.connect_address_unavailable, "without a free local port (EADDRNOTAVAIL: something uses them up)");
    add(g.connect_failed_other, "for other reasons");
    add(g.too_many_files, "without a free fd (EMFILE, ENFILE)");
    return text.empty() ? "" : "Its connects failed: " + text + ".";
}

const char* outcome_words(RemedyOutcome outcome) {
    switch (outcome) {
        case RemedyOutcome::kDryRun:
            return "would have acted (dry run)";
        case RemedyOutcome::kHeld:
            return "held back";
        case RemedyOutcome::kStarted:
            return "started";
        case RemedyOutcome::kSucceeded:
            return "succeeded";
        case RemedyOutcome::kFailed:
            return "failed";
        case RemedyOutcome::kGaveUp:
            return "gave up, a person is needed";
        case RemedyOutcome::kByHand:
            return "done by hand";
    }
    return "unknown";
}

std::string remedy_sentence(const RemedyReport& report) {
    // Its reason tells what a person did, to how many, and who it was.
    if (report.outcome == RemedyOutcome::kByHand && !report.reason.empty()) return printable(report.reason);
    std::string text = printable(report.action);
    if (!report.target.empty()) text += " of " + printable(report.target);
    if (report.attempt > 0) text += " (attempt " + std::to_string(report.attempt) + ")";
    text += std::string(": ") + outcome_words(report.outcome);
    if (!report.reason.empty()) text += ": " + printable(report.reason);
    return text;
}

void tell_remedies(Story& story, const Incident& incident) {
    if (incident.remedies.empty()) {
        story.tell("Done",
                   "sockdog has done nothing about it (policy '" + printable(incident.policy) + "').");
        return;
    }
    bool first = true;
    for (const RemedyReport& report : incident.remedies) {
        story.tell(first ? "Done" : "", format_local(report.at) + " " + remedy_sentence(report));
        first = false;
    }
}

std::string when_sentence(const Incident& incident, const Now& now) {
    std::string text = "Reported " + format_local(incident.opened_at) + " (" +
                       format_duration(since(incident.opened_at, now)) + " ago) with " +
                       std::to_string(incident.first.leaked) + ", now " +
                       std::to_string(incident.latest.leaked) + ", at its worst " +
                       std::to_string(incident.worst.leaked) + ".";
    if (incident.open()) return text;
    text += " Resolved " + format_local(*incident.resolved_at) + " after " +
            format_duration(between(incident.opened_at, *incident.resolved_at));
    return text + (incident.resolve_reason.empty() ? "." : ": " + printable(incident.resolve_reason) + ".");
}

void tell_incident(Story& story, const Incident& incident, const ExplainView& view, const LocalFacts& facts,
                   const Now& now) {
    const Finding& f = incident.open() ? incident.latest : incident.worst;
    const bool critical = f.severity == Severity::kCritical;
    story.headline(printable(incident.id) + ": " + std::string(to_string(f.leak_class)) + ", " +
                       std::string(to_string(f.severity)) + (incident.open() ? ", open" : ", resolved"),
                   !incident.open() ? Tone::kDim
                   : critical       ? Tone::kBad
                                    : Tone::kWarning);
    story.tell(incident.open() ? "What" : "Worst", leak_sentence(f));
    story.tell("Since", when_sentence(incident, now));
    story.tell("Pace", growth_sentence(f));
    story.tell("Why", forgotten_sentence(f));
    story.tell("Where", places_sentence(f));
    if (incident.open()) {
        story.tell("Ahead", forecast_sentence(f, view, facts));
        story.tell("Cure", cure_sentence(f, incident.owner));
    }
    tell_remedies(story, incident);
    story.gap();
}

void tell_call_sites(Story& story, const ExplainView& view, bool stacks) {
    bool first = true;
    for (const std::string& line : site_sentences(view.call_sites, stacks)) {
        story.tell(first ? "Lines" : "", line);
        first = false;
    }
    if (!first && view.without_call_site > 0)
        story.tell("", count_of(view.without_call_site, "connection") +
                           " more, opened before anybody looked at the lines");
}

void tell_health(Story& story, const ExplainView& view) {
    const auto open = [](const Incident& incident) { return incident.open(); };
    if (std::any_of(view.incidents.begin(), view.incidents.end(), open)) return;
    story.headline("No incident is open: sockdog sees no leak here now.", Tone::kGood);
    if (view.notes.empty() && view.incidents.empty()) {
        story.tell("Why",
                   "A count alone is no leak: sockets must stay too long or become ever more before sockdog "
                   "reports them.");
    }
    story.gap();
}

}  // namespace

std::string render_explanation(const ExplainView& view, const LocalFacts& facts, const Now& now,
                               const Style& style, bool stacks) {
    Story story(style);
    story.tell("Who", who_sentence(view.process.owner));
    if (!view.policy.empty()) story.tell("Policy", printable(view.policy));
    story.gap();
    tell_health(story, view);
    const std::size_t shown = std::min(view.incidents.size(), kShownIncidents);
    for (std::size_t i = 0; i < shown; ++i) tell_incident(story, view.incidents[i], view, facts, now);
    if (view.incidents.size() > shown) {
        story.headline("And " + count_of(view.incidents.size() - shown, "older incident") + ".", Tone::kDim);
    }
    story.tell("Books", books_sentence(view));
    story.tell("Failures", failures_sentence(view.process.gauges));
    tell_call_sites(story, view, stacks);
    for (std::size_t i = 0; i < view.notes.size(); ++i)
        story.tell(i == 0 ? "Notes" : "", printable(view.notes[i]));
    if (view.sockets.empty()) return story.take();
    const std::size_t head = std::min(view.sockets.size(), kShownSockets);
    story.gap();
    story.headline("Sockets, " + std::to_string(head) + " of " +
                       std::to_string(std::max<std::size_t>(view.socket_count, view.sockets.size())) + ":",
                   Tone::kStrong);
    const auto end = view.sockets.begin() + static_cast<std::ptrdiff_t>(head);
    story.raw(socket_table({view.sockets.begin(), end}, now, style));
    return story.take();
}

}  // namespace sockdog
