#include "naming/name_helper.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/proc_root.h"
#include "temp_dir.h"

namespace sockdog::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kProgram = SOCKDOG_BINARY_DIR "/bin/sockdog-names";

/// A stack of this process: one address in this program.
CallStack own_stack(std::uint64_t id) {
    CallStack stack;
    stack.id = id;
    stack.process = *ProcRoot().identify(static_cast<std::uint32_t>(getpid()));
    stack.thread = stack.process.pid;
    stack.kind = RuntimeKind::kNative;
    stack.native = {reinterpret_cast<std::uint64_t>(&own_stack) + 4};
    return stack;
}

class NameHelperTest : public ::testing::Test {
  protected:
    void make(const std::string& program, std::size_t waiting = 256, Duration patience = 10s) {
        helper_ = std::make_unique<NameHelper>(
            NameHelperOptions{.program = program, .patience = patience, .waiting = waiting},
            [this](CallSite site) { sites_.push_back(std::move(site)); });
        ASSERT_TRUE(helper_->open());
    }
    /// A program that does not do what it should.
    std::string script(const std::string& body) {
        const std::string path = dir_.put("script", "#!/bin/sh\n" + body);
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
        return path;
    }
    /// As the loop does, until so many were taken or ten seconds are over.
    void wait_for(std::size_t count) {
        for (int i = 0; i < 1000 && sites_.size() < count; i++) {
            pollfd one{helper_->fd(), POLLIN, 0};
            if (::poll(&one, 1, 10) > 0) helper_->on_readable();
            helper_->turn(read_now().mono);
        }
        ASSERT_GE(sites_.size(), count);
    }

    fixtures::TempDir dir_;
    std::vector<CallSite> sites_;
    std::unique_ptr<NameHelper> helper_;
};

TEST_F(NameHelperTest, NamesStacks) {
    make(kProgram);
    EXPECT_EQ(helper_->pid(), 0) << "nothing is to be named yet";
    for (std::uint64_t id = 1; id <= 40; id++) ASSERT_TRUE(helper_->ask(read_now().mono, own_stack(id)));
    wait_for(40);
    for (std::uint64_t id = 1; id <= 40; id++) {
        EXPECT_EQ(sites_[id - 1].id, id);
        ASSERT_EQ(sites_[id - 1].frames.size(), 1U) << sites_[id - 1].unknown_because;
        EXPECT_THAT(sites_[id - 1].frames[0].function, HasSubstr("own_stack"));
    }
}

TEST_F(NameHelperTest, IsEndedWhenNothingIsToBeNamedAndBegunAgain) {
    make(kProgram);
    ASSERT_TRUE(helper_->ask(read_now().mono, own_stack(1)));
    wait_for(1);
    const pid_t first = helper_->pid();
    EXPECT_GT(first, 0);
    helper_->turn(read_now().mono + 1h);
    EXPECT_EQ(helper_->pid(), 0);
    ASSERT_TRUE(helper_->ask(read_now().mono, own_stack(2)));
    wait_for(2);
    EXPECT_EQ(sites_[1].frames.size(), 1U) << sites_[1].unknown_because;
    EXPECT_NE(helper_->pid(), first);
}

TEST_F(NameHelperTest, ThatTakesTooLongIsEndedAndTheNextStackGetsAnother) {
    const std::string flag = (dir_ / "flag").string();
    // The first life takes one request and sleeps over it.
    make(script("if [ -e " + flag + " ]; then exec " + kProgram + "; fi\n: > " + flag +
                "\nexec python3 -c 'import socket, time; socket.socket(fileno=0).recv(1 << 18); "
                "time.sleep(60)'\n"),
         256, 300ms);
    for (std::uint64_t id = 1; id <= 3; id++) ASSERT_TRUE(helper_->ask(read_now().mono, own_stack(id)));
    wait_for(3);
    EXPECT_EQ(sites_[0].id, 1U);
    EXPECT_THAT(sites_[0].unknown_because, HasSubstr("longer than"));
    EXPECT_TRUE(sites_[0].frames.empty());
}

TEST_F(NameHelperTest, ThatDiesCostsTheStackThatItHad) {
    const std::string flag = (dir_ / "flag").string();
    make(script("if [ -e " + flag + " ]; then exec " + kProgram + "; fi\n: > " + flag +
                "\npython3 -c 'import os, socket; socket.socket(fileno=0).recv(1 << 18)'\nkill -SEGV $$\n"));
    for (std::uint64_t id = 1; id <= 3; id++) ASSERT_TRUE(helper_->ask(read_now().mono, own_stack(id)));
    wait_for(3);
    EXPECT_THAT(sites_[0].unknown_because, HasSubstr("ended by signal 11"));
    for (std::size_t i = 1; i < 3; i++) EXPECT_EQ(sites_[i].frames.size(), 1U) << sites_[i].unknown_because;
}

TEST_F(NameHelperTest, ThatIsNotThereIsSaid) {
    make((dir_ / "nothing").string());
    ASSERT_TRUE(helper_->ask(read_now().mono, own_stack(1)));
    ASSERT_EQ(sites_.size(), 1U);
    EXPECT_THAT(sites_[0].unknown_because, HasSubstr("No such file"));
}

TEST_F(NameHelperTest, TakesNoMoreThanCanWait) {
    make(script("exec sleep 60\n"), 8);
    for (std::uint64_t id = 1; id <= 8; id++) EXPECT_TRUE(helper_->ask(read_now().mono, own_stack(id)));
    EXPECT_FALSE(helper_->ask(read_now().mono, own_stack(9)));
}

TEST_F(NameHelperTest, IgnoresNonsenseFromTheProgram) {
    make(script("printf nonsense >&0\nexec " + kProgram + "\n"));
    ASSERT_TRUE(helper_->ask(read_now().mono, own_stack(1)));
    wait_for(1);
    EXPECT_EQ(sites_[0].frames.size(), 1U) << sites_[0].unknown_because;
}

}  // namespace
}  // namespace sockdog::testing
