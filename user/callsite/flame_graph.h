// A flame graph as one SVG file without scripts: outermost frames at the bottom, as wide as their connections
// are many. Pure function, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "callsite/grouping.h"

namespace sockdog {

struct FlameGraphOptions {
    std::string title = "Where connections are opened";
    std::string unit = "connections";  // of the counts
    unsigned width = 1200;             // pixels; 200 at least
};

/// The same call sites give the same bytes. Frames narrower than a third of a pixel are left out. Colours say
/// whose code it is: warm for the application, and cooler for libraries and the runtime.
std::string draw_flame_graph(std::span<const CountedSite> sites, const FlameGraphOptions& options = {});

/// For text and attribute values: markup characters become entities, what XML forbids becomes "?".
std::string escape_xml(std::string_view text);

}  // namespace sockdog
