// The relay's own socket: what waits, tests of receivers, silences. Loop thread; a test waits for its answer
// on a thread of its own.
#pragma once

#include <filesystem>
#include <future>
#include <list>
#include <memory>
#include <string>

#include "app/event_loop.h"
#include "base/unique_fd.h"
#include "query/varlink_server.h"
#include "relay/dispatcher.h"

namespace sockdog {

class RelayControl {
  public:
    /// Where it listens: on what the service manager passed, else on a socket file that it makes.
    struct Place {
        UniqueFd passed;
        std::filesystem::path socket;
        std::string group;  // which may use the file
    };
    /// Both outlive it. Listens when it returns.
    static Result<std::unique_ptr<RelayControl>> open(EventLoop& loop, Dispatcher& dispatcher, Place place);
    /// Waits for tests that run.
    ~RelayControl() = default;

  private:
    struct Test {
        std::future<Result<Delivery>> outcome;
        Call call;
    };
    RelayControl(EventLoop& loop, Dispatcher& dispatcher);
    void register_all();
    void list_alerts(Call call);
    void change_dead(Call call, bool retry);
    void test_receiver(Call call);
    void finish_tests();
    void list_silences(Call call);
    void add_silence(Call call);
    void end_silence(Call call);

    Dispatcher& dispatcher_;
    UniqueFd tested_;  // an eventfd
    std::list<Test> tests_;
    VarlinkServer server_;  // last: its calls refer to all else
};

}  // namespace sockdog
