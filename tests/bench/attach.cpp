// bench_attach empty|storage|books: attaches, says "ready", and stays until its input ends; then says what
// was lost.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>

#include "bpf/sockdog.h"
#include "probe/books.h"
#include "probe_bpf/empty.skel.h"
#include "probe_bpf/storage.skel.h"

namespace {

int stay(const std::function<void()>& farewell) {
    std::puts("ready");
    std::fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    farewell();
    return 0;
}

int refuse(const char* what, const char* why) {
    std::fprintf(stderr, "bench_attach: %s: %s\n", what, why);
    return 1;
}

int stay_with_books() {
    auto books = sockdog::Books::open({});
    if (!books) return refuse("books", books.error().message.c_str());
    return stay([&] {
        const sockdog::LossCounters losses = (*books)->losses();
        std::printf("{\"lost\": %llu, \"skipped\": %llu}\n", static_cast<unsigned long long>(losses.lost()),
                    static_cast<unsigned long long>(losses.recursion_missed));
    });
}

template <auto OpenAndLoad, auto Attach, auto Destroy>
int stay_with_skeleton(const char* name) {
    auto* skeleton = OpenAndLoad();
    if (skeleton == nullptr || Attach(skeleton) != 0) return refuse(name, std::strerror(errno));
    return stay([&] { Destroy(skeleton); });
}

}  // namespace

int main(int count, char** words) {
    const char* what = count == 2 ? words[1] : "";
    if (std::strcmp(what, "books") == 0) return stay_with_books();
    if (std::strcmp(what, "empty") == 0)
        return stay_with_skeleton<empty_bpf__open_and_load, empty_bpf__attach, empty_bpf__destroy>(what);
    if (std::strcmp(what, "storage") == 0)
        return stay_with_skeleton<storage_bpf__open_and_load, storage_bpf__attach, storage_bpf__destroy>(
            what);
    return refuse("usage", "bench_attach empty|storage|books");
}
