// Gauges, sockets and what goes beyond the process as compact bytes. A set of sockets is told by what changed
// in it: a leaked socket hardly ever does. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "detect/detector.h"

namespace sockdog {

std::string encode_gauges(const Gauges& gauges);
/// Nothing where the bytes are damaged; likewise below.
std::optional<Gauges> decode_gauges(std::string_view bytes);

/// What Scene::host and Scene::fds say about the process, no more: a tuple that only it uses and far from the
/// limit is left out, which the detectors take for the same.
std::string encode_surroundings(const Scene& scene);
struct SampledSurroundings {
    std::optional<HostUse> host;
    std::optional<FdUse> fds;
};
std::optional<SampledSurroundings> decode_surroundings(std::string_view bytes);

}  // namespace sockdog
