// Lines of code that opened sockets, for people. Pure functions, any thread.
#pragma once

#include <string>
#include <vector>

#include "callsite/flame_graph.h"
#include "query/views.h"

namespace sockdog {

/// "/srv/director.rb:72 perform_request: 64 connections open, 64 in CLOSE_WAIT", one for each line of code,
/// the five with the most; with the frames of one stack of each where `stacks`.
std::vector<std::string> site_sentences(std::vector<CallSiteView> views, bool stacks);
/// As flamegraph.pl reads them.
std::string folded_text(std::vector<CallSiteView> views);
/// SVG.
std::string flame_graph_text(std::vector<CallSiteView> views, const std::string& title);

}  // namespace sockdog
