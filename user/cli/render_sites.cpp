#include <algorithm>
#include <map>

#include "base/text.h"
#include "callsite/grouping.h"
#include "cli/explain_sites.h"
#include "cli/render.h"
#include "cli/table.h"
#include "cli/words.h"

namespace sockdog {
namespace {

/// The call sites with ids of our own, for grouping.
std::vector<CountedSite> counted(std::vector<CallSiteView>& views) {
    std::vector<CountedSite> sites;
    for (std::size_t i = 0; i < views.size(); ++i) {
        views[i].site.id = i + 1;
        sites.push_back({&views[i].site, views[i].sockets});
    }
    return sites;
}

}  // namespace

std::string render_sockets_by_site(const std::vector<SocketView>& sockets, const Style& style) {
    struct Row {
        std::uint32_t sockets = 0;
        std::uint32_t close_wait = 0;
    };
    using Key = std::pair<std::string, std::string>;  // line, program
    std::map<Key, Row> rows;
    for (const SocketView& view : sockets) {
        if (!view.socket.has_fd || view.socket.state == TcpState::kListen) continue;
        const std::string program = view.owner_name.empty() ? view.comm : view.owner_name;
        Row& row = rows[{view.opened_at, program + " (pid " + pid_text(view.socket.owner) + ")"}];
        row.sockets++;
        if (view.socket.state == TcpState::kCloseWait) row.close_wait++;
    }
    if (rows.empty()) return "No TCP connection matches.\n";
    std::vector<std::pair<Key, Row>> sorted(rows.begin(), rows.end());
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second.sockets > b.second.sockets; });
    Table table(
        {Column{"SOCKETS", Align::kRight, 0, 0, false}, Column{"CLOSE_WAIT", Align::kRight, 0, 0, false},
         Column{"OPENED AT", Align::kLeft, 0, 20, false}, Column{"PROCESS", Align::kLeft, 1, 10, false}});
    for (const auto& [key, row] : sorted)
        table.add({std::to_string(row.sockets), std::to_string(row.close_wait),
                   key.first.empty() ? "(unknown)" : printable(key.first), printable(key.second)});
    return table.render(style);
}

std::vector<std::string> site_sentences(std::vector<CallSiteView> views, bool stacks) {
    constexpr std::size_t kShown = 5;
    const auto sites = counted(views);
    const auto groups = group_by_line(sites);
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < groups.size() && i < kShown; ++i) {
        const SiteGroup& group = groups[i];
        const CallSiteView& first = views[group.call_sites.front() - 1];
        std::uint32_t close_wait = 0;
        for (const std::uint64_t id : group.call_sites) close_wait += views[id - 1].close_wait;
        const bool is_named = !group.frame.function.empty() || !group.frame.file.empty();
        std::string line = (is_named ? printable(to_long_string(group.frame)) : "(line not known)") + ": " +
                           count_of(group.count, "connection") + " open, " + std::to_string(close_wait) +
                           " in CLOSE_WAIT";
        if (!group.is_application && !first.site.unknown_because.empty())
            line += " (" + printable(first.site.unknown_because) + ")";
        lines.push_back(std::move(line));
        if (!stacks) continue;
        for (const CallFrame& frame : first.site.frames)
            lines.push_back("  at " + printable(to_long_string(frame)));
    }
    if (groups.size() > kShown) lines.push_back("and " + count_of(groups.size() - kShown, "other line"));
    return lines;
}

std::string folded_text(std::vector<CallSiteView> views) {
    return fold_stacks(counted(views));
}

std::string flame_graph_text(std::vector<CallSiteView> views, const std::string& title) {
    FlameGraphOptions options;
    options.title = title;
    return draw_flame_graph(counted(views), options);
}

}  // namespace sockdog
