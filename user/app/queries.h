// Answers of the control socket, from the agent's state. The methods are described in query/views.h. Loop
// thread.
#pragma once

#include <optional>

#include "app/agent.h"

namespace sockdog {

/// Registers handlers that refer to the agent; the agent's server must not outlive it.
class Queries {
  public:
    explicit Queries(Agent& agent) : agent_(agent) {}
    void register_all();

  private:
    static StatusView status(Agent& agent);
    static ProcessView process_view(Agent& agent, const GaugeSample& sample);
    static SocketView socket_view(Agent& agent, const SocketRecord& socket);
    static void list_processes(Agent& agent, Call call);
    static void list_sockets(Agent& agent, Call call);
    static void list_incidents(Agent& agent, Call call);
    static void explain(Agent& agent, Call call);
    static void trace(Agent& agent, Call call);
    static void reload(Agent& agent, Call call);
    static void hold(Agent& agent, Call call);
    static void release(Agent& agent, Call call);
    static void report_destroyed(Agent& agent, Call call);

    Agent& agent_;
};

/// RSS in bytes, CPU seconds and open descriptors of this process.
struct OwnUse {
    std::uint64_t memory_bytes = 0;
    double cpu_seconds = 0;
    std::uint32_t open_fds = 0;
};
OwnUse own_use();

}  // namespace sockdog
