// Real programs, real kernel, real sockdogd: is each seen as what it is? All animals live through one visit
// together; each is then a test of its own.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "end_to_end/stage.h"
#include "zoo/report.h"

namespace sockdog::zoo {
namespace {

const Zoo& the_zoo() {
    static const Zoo zoo = load_zoo();
    return zoo;
}

struct Outcome {
    Visit visit;
    Verdict verdict;
};

/// The one visit, when the first test asks for it.
const Outcome& outcome() {
    static const Outcome outcome = [] {
        Outcome one{.visit = visit(the_zoo()), .verdict = {}};
        if (!one.visit.trouble.empty()) return one;
        one.verdict = judge(the_zoo().animals, one.visit.stays, one.visit.revisions,
                            [&](const ProcessId& process) { return one.visit.family.kin(process); });
        const std::string text = report(the_zoo(), one.visit, one.verdict);
        std::cout << "\n" << text << std::endl;
        if (const char* file = std::getenv("SOCKDOG_ZOO_REPORT")) std::ofstream(file) << text;
        return one;
    }();
    return outcome;
}

std::string lines(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) all += "\n  " + text;
    return all;
}

class AnAnimal : public ::testing::TestWithParam<Animal> {};

TEST_P(AnAnimal, IsSeenAsWhatItIs) {
    if (const std::string why = testing::cannot_run(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_EQ(outcome().visit.trouble, "");
    const Stay& stay = outcome().visit.stays.at(GetParam().name);
    if (!stay.missing.empty()) GTEST_SKIP() << stay.missing;
    const Judgement& judgement = outcome().verdict.animals.at(GetParam().name);
    EXPECT_TRUE(judgement.faults.empty())
        << GetParam().truth << ": " << GetParam().why << lines(judgement.faults);
}

INSTANTIATE_TEST_SUITE_P(Zoo, AnAnimal, ::testing::ValuesIn(the_zoo().animals),
                         [](const auto& animal) { return animal.param.name; });

TEST(Bystanders, AreNotBlamed) {
    if (const std::string why = testing::cannot_run(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_EQ(outcome().visit.trouble, "");
    for (const Told& told : outcome().verdict.bystanders)
        ADD_FAILURE() << told.kin.name << ": " << told.summary;
}

}  // namespace
}  // namespace sockdog::zoo
