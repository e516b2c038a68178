// Who is told of what: the receivers of one configuration and the routes to them. Immutable once made. Any
// thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "relay/receiver.h"

namespace sockdog {

class Roster {
  public:
    /// Fails on a wrong receiver, two of one name, or a route to none; the message has a line for each.
    static Result<std::shared_ptr<const Roster>> create(
        const std::vector<ReceiverSettings>& receivers,
        std::map<std::string, std::vector<std::string>> routes, const Sender& sender);

    /// The items that tell of `revision`: by the policy's route, the receiver's match and least severity, and
    /// what it renders.
    [[nodiscard]] std::vector<OutboxItem> address(const Revision& revision, WallTime now) const;
    [[nodiscard]] const std::vector<std::shared_ptr<Receiver>>& receivers() const { return receivers_; }
    [[nodiscard]] std::set<std::string> names() const;

  private:
    [[nodiscard]] bool is_told(const ReceiverSettings& receiver, const Revision& revision) const;

    Sender sender_;
    std::vector<std::shared_ptr<Receiver>> receivers_;
    std::map<std::string, std::vector<std::string>> routes_;
};

}  // namespace sockdog
