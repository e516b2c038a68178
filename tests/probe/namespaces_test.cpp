#include "probe/namespaces.h"

#include <gtest/gtest.h>

namespace sockdog {
namespace {

TEST(LocalPorts, AreTheRangeLessWhatIsReserved) {
    EXPECT_EQ(count_local_ports("32768\t60999\n", ""), 28232U);
    EXPECT_EQ(count_local_ports("32768\t60999\n", "\n"), 28232U);
    EXPECT_EQ(count_local_ports("40000 40099", "40000,40010-40019"), 89U);
    EXPECT_EQ(count_local_ports("40000 40099", "8080,9148"), 100U) << "reserved, but not of the range";
    EXPECT_EQ(count_local_ports("40000 40099", "40050-65535"), 50U);
    EXPECT_EQ(count_local_ports("1024 1024", ""), 1U);
}

TEST(LocalPorts, OfNonsenseAreNotKnown) {
    for (const char* range : {"", "40000", "60999 32768", "0 100", "70000 80000", "a b"})
        EXPECT_FALSE(count_local_ports(range, "")) << range;
}

TEST(LocalPorts, OfThisNamespaceAreThoseOfProc) {
    const auto all = read_local_ports();
    const auto own = all.find(own_network_namespace());
    ASSERT_NE(own, all.end());
    EXPECT_GT(own->second, 0U);
    EXPECT_LE(own->second, 65535U);
}

}  // namespace
}  // namespace sockdog
