// A leak over time, as people are told of it. Carries its evidence by value; nothing downstream reaches back
// up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "detect/finding.h"
#include "owner/owner.h"

namespace sockdog {

enum class RemedyOutcome : std::uint8_t {
    kDryRun,     // would have acted
    kHeld,       // a guard rail said no; `reason` says which
    kStarted,    // acting now
    kSucceeded,  // verified by the books
    kFailed,     // did not act, or the leak is still there
    kGaveUp,     // too many failures; a person is needed
    kByHand,     // a person did it, with a command of sockdog; counts for no guard rail
};
std::string_view to_string(RemedyOutcome outcome);
std::optional<RemedyOutcome> remedy_outcome_from(std::string_view name);

/// One step of a remedy, in the words of `sockdog explain`.
struct RemedyReport {
    RemedyOutcome outcome = RemedyOutcome::kDryRun;
    std::string action;         // "systemd-restart", "command"
    std::string target;         // unit, or the command line
    std::string reason;         // guard rail, error, or what the books showed; a sentence
    std::uint32_t attempt = 0;  // 1 for the first
    ProcessId process;          // identity that was checked before acting
    WallTime at;
    bool needs_person = false;  // nothing more will be done by itself for long: makes the incident critical
};

struct Incident {
    std::string id;  // "i42": short, typed by people, never reused in one journal
    /// Stable owner key | role | endpoint | netns: what makes two findings the same incident. The class is
    /// left out: a leak that grew idle and whose peer then begins to close stays one incident, `first` tells
    /// how it began.
    std::string key;
    std::string policy;  // name of the policy that applies, "default" where none matches
    Owner owner;         // latest offender
    Finding first;       // as it was opened
    Finding latest;
    Finding worst;  // with the most leaked sockets
    WallTime opened_at;
    WallTime updated_at;
    std::optional<WallTime> resolved_at;
    std::string resolve_reason;          // "process ended", "below the limits for 5m"
    std::vector<RemedyReport> remedies;  // oldest first, the last 32 kept

    [[nodiscard]] bool open() const { return !resolved_at; }
};

/// "i42/1764291234567", with the milliseconds since the epoch at which it opened: a journal that had to be
/// begun anew has another i42. Only for machines; people are shown the id.
std::string identity_of(const Incident& incident);
/// The id in what identity_of() returned; all of a text that is none.
std::string id_of_identity(std::string_view identity);

enum class RevisionKind : std::uint8_t { kOpened, kGrew, kEscalated, kRemedied, kResolved };
std::string_view to_string(RevisionKind kind);
std::optional<RevisionKind> revision_kind_from(std::string_view name);

/// One entry of the journal: an incident as it was at one moment. `number` grows for ever, gaps allowed, 0
/// before it is stored.
struct Revision {
    std::uint64_t number = 0;
    RevisionKind kind = RevisionKind::kOpened;
    WallTime at;
    Incident incident;
};

/// Who opened what a child inherited: "web.service (pid 4242)", "process 4242".
std::string opener_of(const Finding& finding);

/// "python3 (pid 4242) does not close connections to 127.0.0.1:8080: 57 in CLOSE_WAIT, oldest 3m20s, +12.0 a
/// minute".
std::string summary(const Incident& incident);

/// What happened, in one sentence: the summary where it leaks; else "resolved (process ended): ..." or
/// "remedy started (systemd-restart web.service): why".
std::string headline(const Revision& revision);

}  // namespace sockdog
