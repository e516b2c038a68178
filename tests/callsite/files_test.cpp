// Memory and files of processes, hostile ones among them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "callsite/fake_memory.h"
#include "callsite/perf_map.h"
#include "callsite/process_file.h"
#include "callsite/process_memory.h"
#include "temp_dir.h"

namespace sockdog::testing {
namespace {

ProcessId self() {
    const auto id = ProcRoot().identify(static_cast<std::uint32_t>(getpid()));
    return id ? *id : ProcessId{};
}

std::string content_of(const UniqueFd& fd) {
    char bytes[64] = {};
    const ssize_t got = read(fd.get(), bytes, sizeof bytes - 1);
    return {bytes, got > 0 ? static_cast<std::size_t>(got) : 0};
}

/// A process 7 below PROC whose root is ROOT.
void make_process(const fixtures::TempDir& dir) {
    std::filesystem::create_directories(dir / "proc/7");
    std::filesystem::create_directories(dir / "root/lib");
    std::filesystem::create_directory_symlink(dir / "root", dir / "proc/7/root");
}

TEST(ProcessMemory, IsReadWhereItIs) {
    const std::uint64_t word = 0x1234567890abcdef;
    ProcessMemory memory(self(), 1000);
    EXPECT_EQ(memory.get<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&word)), word);
    EXPECT_FALSE(memory.get<std::uint64_t>(8));
    EXPECT_FALSE(memory.get<std::uint64_t>(0));
    EXPECT_FALSE(memory.get<std::uint64_t>(UINT64_MAX - 3));
}

TEST(ProcessMemory, EndsWithItsBudget) {
    const char byte = 'x';
    ProcessMemory memory(self(), 1000);
    int reads = 0;
    while (memory.get<char>(reinterpret_cast<std::uintptr_t>(&byte)) && reads < 10000) reads++;
    EXPECT_LT(reads, 20) << "small reads count for more than their bytes";
    EXPECT_GT(reads, 5);
}

TEST(ProcessMemory, KnowsWhoseItIs) {
    EXPECT_TRUE(ProcessMemory(self(), 1000).is_still_itself(ProcRoot()));
    EXPECT_FALSE(ProcessMemory({self().pid, 1}, 1000).is_still_itself(ProcRoot()));
}

TEST(ByteSource, FindsTheEndOfAString) {
    FakeMemory memory;
    memory.put_text(1000, std::string("short\0", 6) + std::string(122, '\0'));
    EXPECT_EQ(memory.get_c_string(1000, 100), "short");
    memory.put_text(2000, std::string(200, 'x') + std::string(64, '\0'));
    EXPECT_EQ(memory.get_c_string(2000, 300), std::string(200, 'x'));
    EXPECT_EQ(memory.get_c_string(2000, 200), std::nullopt) << "no end within what may be read";
    EXPECT_EQ(memory.get_c_string(99999, 300), std::nullopt);
}

TEST(Mappings, AreReadFromMaps) {
    const auto mappings = parse_mappings(
        "55d0c0a00000-55d0c0a28000 r-xp 00001000 fe:01 1234                       /opt/my app/bin\\012x\n"
        "7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n"
        "7f0000002000-7f0000003000 r--p 00000000 00:2f 99 /tmp/gone.so (deleted)\n"
        "7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]\n");
    ASSERT_EQ(mappings.size(), 4U);
    EXPECT_EQ(mappings[0], (Mapping{.start = 0x55d0c0a00000,
                                    .end = 0x55d0c0a28000,
                                    .offset = 0x1000,
                                    .device = 0xfe00000001,
                                    .inode = 1234,
                                    .readable = true,
                                    .executable = true,
                                    .deleted = false,
                                    .path = "/opt/my app/bin\nx"}));
    EXPECT_TRUE(mappings[0].is_file());
    EXPECT_FALSE(mappings[1].is_file());
    EXPECT_TRUE(mappings[2].deleted);
    EXPECT_EQ(mappings[2].path, "/tmp/gone.so");
    EXPECT_FALSE(mappings[3].is_file());
    EXPECT_EQ(find_mapping(mappings, 0x7f0000002fff), &mappings[2]);
    EXPECT_EQ(find_mapping(mappings, 0x7f0000003000), nullptr);
}

TEST(Mappings, LeaveOutLinesThatAreNone) {
    for (const char* line :
         {"", "x", "1-", "2-1 r-xp 0 0:0 0 /x", "1-2", "1-2 r-xp", "1-2 r-xp 0", "1-2 r-xp 0 0:0",
          "1-2 r-xp 0 0:0 x /x", "1-2 rwxpx 0 0:0 0 /x", "\xff-\xfe r-xp 0 0:0 1 /x"})
        EXPECT_TRUE(parse_mappings(line).empty()) << line;
}

TEST(ProcessFile, StaysWithinTheRootOfTheProcess) {
    const fixtures::TempDir dir;
    make_process(dir);
    std::ignore = dir.put("secret", "host");
    std::ignore = dir.put("root/lib/real", "container");
    std::filesystem::create_symlink("/lib/real", dir / "root/link");
    std::filesystem::create_symlink("../../secret", dir / "root/lib/out");
    const ProcRoot proc(dir / "proc");
    const auto link = open_in_root(proc, {7, 1}, "/link");
    ASSERT_TRUE(link) << link.error().message;
    EXPECT_EQ(content_of(*link), "container") << "an absolute link is one of the container";
    EXPECT_FALSE(open_in_root(proc, {7, 1}, "/lib/out"));
    EXPECT_FALSE(open_in_root(proc, {7, 1}, "/../secret"));
    EXPECT_FALSE(open_in_root(proc, {8, 1}, "/link")) << "no such process";
}

TEST(ProcessFile, OpensNothingThatWaitsOrActs) {
    const fixtures::TempDir dir;
    make_process(dir);
    ASSERT_EQ(mkfifo((dir / "root/fifo").c_str(), 0600), 0);
    std::filesystem::create_symlink("/dev/zero", dir / "device");
    const ProcRoot proc(dir / "proc");
    const auto fifo = open_in_root(proc, {7, 1}, "/fifo");
    ASSERT_FALSE(fifo);
    EXPECT_EQ(fifo.error().code, ELOOP);
    EXPECT_FALSE(open_in_root(proc, {7, 1}, "/lib")) << "a folder";
    EXPECT_FALSE(open_regular((dir / "device").string()));
}

TEST(ProcessFile, IsTheOneThatWasMappedNotTheOneThatHasItsNameNow) {
    const fixtures::TempDir dir;
    make_process(dir);
    std::ignore = dir.put("root/lib/old", "content");
    struct stat status {};
    ASSERT_EQ(stat((dir / "root/lib/old").c_str(), &status), 0);
    const ProcRoot proc(dir / "proc");
    Mapping mapping{.start = 0x1000, .end = 0x2000, .inode = status.st_ino, .path = "/lib/old"};
    EXPECT_TRUE(open_mapped_file(proc, {7, 1}, mapping));
    mapping.inode++;
    const auto replaced = open_mapped_file(proc, {7, 1}, mapping);
    ASSERT_FALSE(replaced);
    EXPECT_EQ(replaced.error().code, ESTALE);
}

TEST(FileBytes, EndWithTheFileAndTheBudget) {
    const fixtures::TempDir dir;
    const auto fd = open_regular(dir.put("file", "0123456789"));
    ASSERT_TRUE(fd);
    FileBytes bytes(fd->get(), 12);
    EXPECT_EQ(bytes.get_text(2, 4, 100), "2345");
    EXPECT_EQ(bytes.get_text(8, 4, 100), std::nullopt);
    EXPECT_EQ(bytes.get_text(0, 4, 100), "0123");
    EXPECT_EQ(bytes.get_text(0, 4, 100), std::nullopt) << "twelve bytes were read";
}

TEST(PerfMap, FindsWhatCoversAnAddress) {
    const PerfMap map = PerfMap::parse(
        "7f0000001000 20 Lcom/shop/Client;::open\n"
        "7f0000000800 100 Interpreter\n"
        "nonsense\n7f0000005000 zz x\n7f0000006000 0 empty\n7f0000007000 10\n"
        "0x00007f0000003000 0x0000000000000010 void Client.open(int)\n"
        "7f0000002000 10 name with spaces");
    EXPECT_EQ(map.size(), 4U);
    EXPECT_EQ(map.find(0x7f0000003008), "void Client.open(int)");
    EXPECT_EQ(map.find(0x7f0000001000), "Lcom/shop/Client;::open");
    EXPECT_EQ(map.find(0x7f000000101f), "Lcom/shop/Client;::open");
    EXPECT_EQ(map.find(0x7f0000001020), "");
    EXPECT_EQ(map.find(0x7f0000000900), "");
    EXPECT_EQ(map.find(0x7f000000200f), "name with spaces");
    EXPECT_EQ(map.find(0), "");
}

TEST(PerfMap, IsThatOfThePidInItsOwnNamespace) {
    const fixtures::TempDir dir;
    make_process(dir);
    std::filesystem::create_directories(dir / "root/tmp");
    std::ignore = dir.put("proc/7/status", "Name:\tjava\nNSpid:\t7\t3\nUid:\t0\n");
    std::ignore = dir.put("root/tmp/perf-3.map", "1000 10 hello\n");
    EXPECT_EQ(read_perf_map(ProcRoot(dir / "proc"), {7, 1}).find(0x1008), "hello");
    EXPECT_EQ(read_perf_map(ProcRoot(dir / "proc"), {8, 1}).size(), 0U);
}

}  // namespace
}  // namespace sockdog::testing
