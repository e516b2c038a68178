// An endpoint as bytes. Private to the room.
#pragma once

#include <sys/socket.h>

#include "probe/types.h"
#include "store/bytes.h"

namespace sockdog {

inline void write(ByteWriter& to, const Endpoint& endpoint) {
    to.byte(endpoint.family);
    const std::size_t length = endpoint.family == 0 ? 0 : endpoint.family == AF_INET ? 4 : 16;
    for (std::size_t i = 0; i < length; ++i) to.byte(endpoint.address[i]);
    to.number(endpoint.port);
}

inline Endpoint read_endpoint(ByteReader& from) {
    Endpoint endpoint;
    endpoint.family = from.byte();
    const std::size_t length = endpoint.family == 0 ? 0 : endpoint.family == AF_INET ? 4 : 16;
    for (std::size_t i = 0; i < length; ++i) endpoint.address[i] = from.byte();
    endpoint.port = static_cast<std::uint16_t>(from.number());
    return endpoint;
}

}  // namespace sockdog
