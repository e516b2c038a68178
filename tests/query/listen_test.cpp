// The socket file: who may reach it, and what becomes of one that is there already.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "loop_thread.h"
#include "query/varlink_client.h"

namespace sockdog {
namespace {

using testing::LoopThread;
using testing::TempDir;

mode_t mode_of(const std::filesystem::path& path) {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

UniqueFd bound_socket(const std::filesystem::path& path) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
}

TEST(Listen, MakesTheFolderAndAFileForRootAndTheGroup) {
    const TempDir dir;
    const mode_t before = ::umask(0);
    const LoopThread loop(dir / "a/b/control");
    EXPECT_EQ(::umask(before), 0U) << "the process's umask is put back";
    ASSERT_TRUE(loop.listened().ok()) << loop.listened().error().message;
    EXPECT_EQ(mode_of(dir / "a/b/control"), 0660U);
    EXPECT_EQ(mode_of(dir / "a/b"), 0755U);
    EXPECT_EQ(mode_of(dir / "a"), 0755U);
}

TEST(Listen, ReplacesAFileWhoseDaemonIsDead) {
    const TempDir dir;
    bound_socket(dir / "control").reset();
    ASSERT_TRUE(std::filesystem::exists(dir / "control"));
    const LoopThread loop(dir / "control");
    ASSERT_TRUE(loop.listened().ok()) << loop.listened().error().message;
    EXPECT_TRUE(VarlinkClient::connect(dir / "control").ok());
}

TEST(Listen, LeavesALivingDaemonAlone) {
    const TempDir dir;
    const LoopThread first(dir / "control");
    {
        const LoopThread second(dir / "control");
        ASSERT_FALSE(second.listened().ok());
        EXPECT_EQ(second.listened().error().code, EADDRINUSE);
        EXPECT_NE(second.listened().error().message.find("another sockdogd"), std::string::npos);
    }
    EXPECT_TRUE(VarlinkClient::connect(dir / "control").ok()) << "the second took nothing away when it went";
}

TEST(Listen, DoesNotRemoveWhatIsNoSocket) {
    const TempDir dir;
    std::ofstream(dir / "control") << "precious";
    const LoopThread loop(dir / "control");
    ASSERT_FALSE(loop.listened().ok());
    EXPECT_EQ(loop.listened().error().code, EEXIST);
    EXPECT_EQ(std::filesystem::file_size(dir / "control"), 8U);
}

TEST(Listen, DoesNotFollowALink) {
    const TempDir dir;
    std::ofstream(dir / "target") << "precious";
    std::filesystem::create_symlink(dir / "target", dir / "control");
    const mode_t before = mode_of(dir / "target");
    const LoopThread loop(dir / "control");
    EXPECT_FALSE(loop.listened().ok());
    EXPECT_EQ(mode_of(dir / "target"), before);
}

TEST(Listen, RefusesAPathThatTheKernelCannotHold) {
    const TempDir dir;
    const LoopThread loop(dir / std::string(120, 'x'));
    ASSERT_FALSE(loop.listened().ok());
    EXPECT_EQ(loop.listened().error().code, ENAMETOOLONG);
}

TEST(Listen, LeavesTheFileOfASuccessorAlone) {
    const TempDir dir;
    LoopThread first(dir / "control");
    std::filesystem::remove(dir / "control");
    const LoopThread second(dir / "control");
    ASSERT_TRUE(second.listened().ok());
    first.run([](VarlinkServer& server) { server.close(); });
    EXPECT_TRUE(VarlinkClient::connect(dir / "control").ok());
}

TEST(Listen, AdoptsASocketOfTheServiceManagerAndLeavesItsFile) {
    const TempDir dir;
    UniqueFd passed = bound_socket(dir / "control");
    {
        LoopThread loop({});
        loop.run([&](VarlinkServer& server) {
            EXPECT_FALSE(server.adopt(UniqueFd(::dup(passed.get()))).ok()) << "it does not listen yet";
            EXPECT_FALSE(server.adopt(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))).ok());
            ASSERT_EQ(::listen(passed.get(), 5), 0);
            EXPECT_TRUE(server.adopt(std::move(passed)).ok());
        });
        auto client = VarlinkClient::connect(dir / "control");
        ASSERT_TRUE(client.ok());
        EXPECT_TRUE(client->call("org.varlink.service.GetInfo").ok());
    }
    EXPECT_TRUE(std::filesystem::exists(dir / "control"));
}

}  // namespace
}  // namespace sockdog
