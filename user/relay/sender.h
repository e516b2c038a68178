// Who sends: a stable, anonymous id and the name of this host, and the idempotency keys made of it.
// Promises: the same revision of the same host has the same key for ever, whoever computes it; no other
// revision has it. Pure but for read_sender(). Any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "incident/incident.h"

namespace sockdog {

struct Sender {
    std::string host_id;    // 16 hex digits; derived from machine-id(5), which itself must not leave the host
    std::string host_name;  // as uname(2) has it, for people
};

/// From `machine_id_file`; where that holds no machine id, from `own_id_file`, which is made once with a
/// random one.
Result<Sender> read_sender(const std::filesystem::path& machine_id_file,
                           const std::filesystem::path& own_id_file);

/// "HOST-NUMBER-MILLISECONDS". The time is in it because a journal that was lost begins its numbers anew, and
/// because cloned machines share a machine id.
std::string idempotency_key(const Sender& sender, const Revision& revision);

/// The time of the revision that a key was made for; nothing where the text is no such key.
std::optional<WallTime> revision_time(const std::string& key);

}  // namespace sockdog
