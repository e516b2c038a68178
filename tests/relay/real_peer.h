// A server of Debian's packages, started by a test on loopback and ended with it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace sockdog::test {

class RealPeer {
  public:
    /// `arguments` begin with the program. SOCKDOG_TEST_SHOWS_PEERS=1 in the environment shows what it says.
    explicit RealPeer(const std::vector<std::string>& arguments);
    ~RealPeer() { end(); }
    RealPeer(const RealPeer&) = delete;
    RealPeer& operator=(const RealPeer&) = delete;
    /// SIGKILL, and waits. False: it had ended by itself.
    bool end();
    [[nodiscard]] pid_t pid() const { return pid_; }

    /// Where the program is, or "" where it is not installed.
    static std::string find(const std::string& program);

  private:
    pid_t pid_ = -1;
};

/// Until something accepts connections on 127.0.0.1:`port`.
bool answers(int port);

}  // namespace sockdog::test
