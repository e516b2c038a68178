#include "relay/sender.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "relay/digest.h"
#include "relay/revisions.h"
#include "temp_dir.h"

namespace sockdog {
namespace {

using test::make_revision;

TEST(Digest, HmacMatchesRfc4231) {
    EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(
        hmac_sha256_hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Sender, IdIsStableAndHidesTheMachineId) {
    const fixtures::TempDir folder;
    const std::string id = "0123456789abcdef0123456789abcdef";
    const auto file = folder.put("machine-id", id + "\n");
    const auto one = read_sender(file, folder / "own");
    const auto two = read_sender(file, folder / "own");
    ASSERT_TRUE(one.ok());
    ASSERT_TRUE(two.ok());
    EXPECT_EQ(one->host_id, two->host_id);
    EXPECT_EQ(one->host_id.size(), 16U);
    EXPECT_EQ(id.find(one->host_id), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder / "own"));
}

TEST(Sender, DiffersFromMachineToMachine) {
    const fixtures::TempDir folder;
    const auto one = read_sender(folder.put("a", std::string(32, 'a')), folder / "own");
    const auto two = read_sender(folder.put("b", std::string(32, 'b')), folder / "own");
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_NE(one->host_id, two->host_id);
}

TEST(Sender, KeepsAnIdOfItsOwnWhereTheMachineHasNone) {
    for (const char* content : {"uninitialized\n", "", "00000000000000000000000000000000\n", "not an id\n",
                                "0123456789ABCDEF0123456789ABCDEF\n"}) {
        const fixtures::TempDir folder;
        const auto file = folder.put("machine-id", content);
        const auto one = read_sender(file, folder / "own");
        const auto two = read_sender(file, folder / "own");
        ASSERT_TRUE(one.ok()) << content;
        ASSERT_TRUE(two.ok()) << content;
        EXPECT_EQ(one->host_id, two->host_id) << content;
        struct stat info {};
        ASSERT_EQ(::stat((folder / "own").c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777U, 0600U);
    }
}

TEST(Sender, SaysWhereNoIdCanBeKept) {
    const fixtures::TempDir folder;
    const auto sender = read_sender(folder / "missing", folder / "no/such/folder");
    ASSERT_FALSE(sender.ok());
    EXPECT_NE(sender.error().message.find("no/such/folder"), std::string::npos);
}

TEST(IdempotencyKey, IsTheSameForTheSameRevisionAndNoOther) {
    const Sender sender{"00112233445566aa", "host"};
    Revision revision = make_revision(7);
    const std::string key = idempotency_key(sender, revision);
    EXPECT_EQ(key, idempotency_key(Sender{"00112233445566aa", "renamed"}, revision));
    EXPECT_NE(key, idempotency_key(Sender{"ffffffffffffffff", "host"}, revision));
    EXPECT_NE(key, idempotency_key(sender, make_revision(8)));
    revision.at += 1s;  // the same number in a journal begun anew
    EXPECT_NE(key, idempotency_key(sender, revision));
}

TEST(IdempotencyKey, TellsTheTimeOfItsRevision) {
    const Revision revision = make_revision(7);
    EXPECT_EQ(revision_time(idempotency_key({"00112233445566aa", ""}, revision)), revision.at);
    for (const char* text : {"", "-", "a-1", "a-1-", "a-1-2x", "a-1-99999999999999999999"}) {
        EXPECT_EQ(revision_time(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace sockdog
