// The agent's side: a journal in memory behind an AF_UNIX socket that answers Revisions as sockdogd does.
#pragma once

#include <filesystem>
#include <memory>

#include <nlohmann/json.hpp>

#include "incident/incident.h"

namespace sockdog::test {

class FakeAgent {
  public:
    explicit FakeAgent(std::filesystem::path socket);
    ~FakeAgent();
    FakeAgent(const FakeAgent&) = delete;
    FakeAgent& operator=(const FakeAgent&) = delete;

    void add(const Revision& revision);
    /// A revision in any shape, for what no relay can read.
    void add_raw(std::uint64_t number, nlohmann::json revision);
    /// Calls answered, the first of a connection and streams alike.
    [[nodiscard]] std::size_t calls() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sockdog::test
