#include "relay/roster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relay/revisions.h"
#include "relay/severity.h"

namespace sockdog {
namespace {

using test::make_revision;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Routes = std::map<std::string, std::vector<std::string>>;

ReceiverSettings named(const std::string& name, Severity least = Severity::kWarning) {
    ReceiverSettings settings;
    settings.name = name;
    settings.url = "http://127.0.0.1:1/";
    settings.min_severity = least;
    return settings;
}

std::shared_ptr<const Roster> roster_of(const std::vector<ReceiverSettings>& receivers,
                                        const Routes& routes = {}) {
    auto roster = Roster::create(receivers, routes, {"00112233445566aa", "host"});
    EXPECT_TRUE(roster.ok()) << roster.error().message;
    return *roster;
}

std::vector<std::string> told(const Roster& roster, const Revision& revision) {
    std::vector<std::string> names;
    for (const OutboxItem& item : roster.address(revision, read_now().wall)) names.push_back(item.receiver);
    return names;
}

TEST(Roster, PolicyWithoutRouteTellsEverybody) {
    const auto roster = roster_of({named("a"), named("b")}, {{"web", {"b"}}, {"quiet", {}}});
    Revision revision = make_revision(1);
    EXPECT_THAT(told(*roster, revision), ElementsAre("a", "b"));
    revision.incident.policy = "web";
    EXPECT_THAT(told(*roster, revision), ElementsAre("b"));
    revision.incident.policy = "quiet";
    EXPECT_THAT(told(*roster, revision), IsEmpty());
}

TEST(Roster, GrowthIsNoNews) {
    const auto roster = roster_of({named("a")});
    EXPECT_THAT(told(*roster, make_revision(1, "i1", RevisionKind::kGrew)), IsEmpty());
}

TEST(Roster, LeastSeverityKeepsWarningsBack) {
    const auto roster = roster_of({named("all"), named("pager", Severity::kCritical)});
    Revision revision = make_revision(1);
    EXPECT_THAT(told(*roster, revision), ElementsAre("all"));
    revision.incident.latest.severity = Severity::kCritical;
    EXPECT_THAT(told(*roster, revision), ElementsAre("all", "pager"));
}

TEST(Roster, WhoHeardOfTheEscalationHearsOfTheEnd) {
    const auto roster = roster_of({named("pager", Severity::kCritical)});
    EXPECT_THAT(told(*roster, make_revision(1, "i1", RevisionKind::kEscalated)), ElementsAre("pager"));
    Revision resolved = make_revision(2, "i1", RevisionKind::kResolved);
    resolved.incident.worst.severity = Severity::kCritical;
    EXPECT_THAT(told(*roster, resolved), ElementsAre("pager"));
    Revision given_up = make_revision(3, "i2", RevisionKind::kResolved);
    given_up.incident.remedies.emplace_back().outcome = RemedyOutcome::kGaveUp;
    EXPECT_THAT(told(*roster, given_up), ElementsAre("pager"));
    EXPECT_EQ(severity_of(make_revision(4, "i3", RevisionKind::kResolved)), Severity::kWarning);
}

TEST(Roster, AllReceiversOfARevisionShareItsKey) {
    const auto roster = roster_of({named("a"), named("b")});
    const auto items = roster->address(make_revision(9, "i7"), read_now().wall);
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0].idempotency_key, items[1].idempotency_key);
    EXPECT_EQ(id_of_identity(items[0].incident), "i7");
    EXPECT_EQ(items[0].revision, 9U);
    EXPECT_THAT(items[0].body, HasSubstr(items[0].idempotency_key));
}

TEST(Roster, NamesEverythingThatIsWrong) {
    ReceiverSettings bad = named("bad");
    bad.url = "nonsense";
    const auto roster = Roster::create({named("a"), named("a"), bad}, {{"web", {"a", "nobody"}}}, {});
    ASSERT_FALSE(roster.ok());
    EXPECT_THAT(roster.error().message, HasSubstr("\"a\" is there twice"));
    EXPECT_THAT(roster.error().message, HasSubstr("receiver \"bad\": bad url"));
    EXPECT_THAT(roster.error().message, HasSubstr("policy \"web\" alerts an unknown receiver \"nobody\""));
    EXPECT_EQ(roster.error().message.find("receiver \"bad\"\""), std::string::npos);
}

}  // namespace
}  // namespace sockdog
