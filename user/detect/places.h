// Which lines of code opened the sockets of a finding. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "detect/finding.h"

namespace sockdog {

/// "/srv/director.rb:72 perform_request" for SocketRecord::call_site; empty: not known.
using PlaceOf = std::function<std::string(std::uint64_t call_site)>;

/// Fills in `opened_by` of each, from the sockets of its process.
void find_places(std::vector<Finding>& findings, std::span<const SocketRecord> sockets,
                 const PlaceOf& place_of);

/// "director.rb:72 perform_request": without the folders of the file.
std::string_view short_place(std::string_view place);

}  // namespace sockdog
