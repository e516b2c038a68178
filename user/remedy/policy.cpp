#include "remedy/policy.h"

namespace sockdog {

std::string_view to_string(RemedyAction action) {
    switch (action) {
        case RemedyAction::kNone:
            return "none";
        case RemedyAction::kSystemdRestart:
            return "systemd-restart";
        case RemedyAction::kCommand:
            return "command";
        case RemedyAction::kMonitRestart:
            return "monit-restart";
    }
    return "none";
}

}  // namespace sockdog
