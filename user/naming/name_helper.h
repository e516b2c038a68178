// Names stacks in a process of its own, sockdog-names: debug information that is huge, broken or hostile
// costs that process its time or its life, and the caller an unknown line. Loop thread; nothing blocks.
//
//   asked --answered--> taken
//     \--no answer in kPatience, or the process ended--> taken as unknown; another process takes up the next
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "callsite/call_site.h"

namespace sockdog {

struct NameHelperOptions {
    std::string program;        // path of sockdog-names
    Duration patience = 10s;    // for one stack; large programs take a second the first time
    Duration idle = 10min;      // without a stack to name it is ended
    std::size_t waiting = 256;  // stacks that wait; each takes some 20 KiB
};

class NameHelper {
  public:
    using Take = std::function<void(CallSite)>;
    /// `take` is called from on_readable() and turn(), once for each stack that was asked for.
    NameHelper(NameHelperOptions options, Take take) : options_(std::move(options)), take_(std::move(take)) {}
    ~NameHelper();
    NameHelper(const NameHelper&) = delete;
    NameHelper& operator=(const NameHelper&) = delete;

    /// Once, before anything else.
    Status open();
    /// The process, now rather than with the first stack: for who cannot wait then.
    Status start();
    /// Readable when there is an answer; the same however often the process changes.
    [[nodiscard]] int fd() const { return ours_.get(); }

    /// False where too many wait: ask again later.
    bool ask(MonoTime now, const CallStack& stack);
    /// What is cached of that process is not needed any more.
    void process_ended(ProcessId process);
    void on_readable();
    /// At least as often as `patience`.
    void turn(MonoTime now);
    /// 0: none runs.
    [[nodiscard]] pid_t pid() const { return pid_; }
    /// Stacks that were asked for and not taken.
    [[nodiscard]] std::size_t waiting() const { return asked_.size(); }

  private:
    struct Asked {
        std::uint64_t id;
        ProcessId process;
        RuntimeKind kind;
        bool accepted;
        std::vector<std::uint8_t> message;  // empty: it was sent
    };
    void kill();
    void flush();
    void fail_first(const std::string& why);

    NameHelperOptions options_;
    Take take_;
    UniqueFd ours_;
    UniqueFd theirs_;  // kept, so that what waits in it outlives the process that reads it
    pid_t pid_ = 0;
    std::vector<pid_t> dying_;
    std::deque<Asked> asked_;  // in the order of their answers
    MonoTime first_since_;     // when the first of them became it
    MonoTime used_;
    bool told_ = false;  // that it cannot be started
};

}  // namespace sockdog
