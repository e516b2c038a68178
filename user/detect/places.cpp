#include "detect/places.h"

#include <algorithm>
#include <map>

#include "detect/history.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostPlaces = 5;

/// Those that leaked, as far as their state tells.
bool is_of(const Finding& finding, const SocketRecord& socket) {
    if (!socket.has_fd || socket.call_site == 0) return false;
    const EndpointKey key = endpoint_key(socket);
    if (key.role != finding.role || key.endpoint != finding.endpoint || key.netns != finding.netns)
        return false;
    switch (cause_of(finding)) {
        case LeakClass::kCloseWait:
            return socket.state == TcpState::kCloseWait;
        case LeakClass::kIdleGrowth:
            return socket.state == TcpState::kEstablished;
        default:
            return true;
    }
}

}  // namespace

void find_places(std::vector<Finding>& findings, std::span<const SocketRecord> sockets,
                 const PlaceOf& place_of) {
    for (Finding& finding : findings) {
        std::map<std::uint64_t, std::uint32_t> by_site;
        for (const SocketRecord& socket : sockets)
            if (is_of(finding, socket)) by_site[socket.call_site]++;
        std::map<std::string, std::uint32_t> by_place;
        for (const auto& [site, count] : by_site)
            if (const std::string place = place_of(site); !place.empty()) by_place[place] += count;
        finding.opened_by.clear();
        for (const auto& [place, count] : by_place) finding.opened_by.push_back({place, count});
        std::ranges::stable_sort(finding.opened_by, std::greater{}, &CodePlace::sockets);
        if (finding.opened_by.size() > kMostPlaces) finding.opened_by.resize(kMostPlaces);
    }
}

std::string_view short_place(std::string_view place) {
    const std::string_view file = place.substr(0, place.find(' '));
    return place.substr(file.rfind('/') + 1);  // 0 where there is none
}

}  // namespace sockdog
