// What no single key can tell: required keys, keys that contradict each other, names that must exist. One
// load, one thread.
#pragma once

#include <set>
#include <string>

#include "config/config.h"
#include "config/document.h"

namespace sockdog {

/// `reader` is the one that read the object; its places are where complaints point to, else `value`'s own.
void check_policy(Reader& reader, const Value& value, const Policy& policy,
                  const std::set<std::string>& receivers);
void check_receiver(Reader& reader, const Value& value, const ReceiverSettings& receiver);
/// The limits of `defaults:` with the top level's tick; and those of a policy, where it sets what they are
/// about.
void check_config(Reader& reader, const Config& config);
void check_growth(Reader& reader, const Policy& policy, Duration tick);

}  // namespace sockdog
