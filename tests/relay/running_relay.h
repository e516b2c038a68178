// A dispatcher on a thread of its own, until the end of its scope.
#pragma once

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <memory>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "relay/dispatcher.h"

namespace sockdog::test {

class RunningRelay {
  public:
    explicit RunningRelay(const RelaySettings& settings) {
        auto made = Dispatcher::create(settings);
        EXPECT_TRUE(made.ok()) << made.error().message;
        dispatcher = std::move(made).value();
        thread_ = std::thread([this] { EXPECT_TRUE(dispatcher->run(stop_.get()).ok()); });
    }
    ~RunningRelay() { stop(); }
    RunningRelay(const RunningRelay&) = delete;
    RunningRelay& operator=(const RunningRelay&) = delete;
    void stop() {
        if (!thread_.joinable()) return;
        EXPECT_EQ(::eventfd_write(stop_.get(), 1), 0);
        thread_.join();
    }
    [[nodiscard]] ReceiverStats stats_of(const std::string& name) const {
        for (const ReceiverStats& stats : dispatcher->stats().receivers) {
            if (stats.name == name) return stats;
        }
        return {};
    }

    std::unique_ptr<Dispatcher> dispatcher;

  private:
    UniqueFd stop_{::eventfd(0, EFD_CLOEXEC)};
    std::thread thread_;
};

}  // namespace sockdog::test
