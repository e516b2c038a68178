// Memory that a test and the children it forks afterwards see alike. Zeroed; unmapped by whoever ends in an
// orderly way.
#pragma once

#include <sys/mman.h>

#include <new>
#include <type_traits>

namespace sockdog::testing {

template <typename T>
class Shared {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    Shared() : memory_(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
        if (memory_ == MAP_FAILED) throw std::bad_alloc();
        new (memory_) T{};
    }
    ~Shared() { munmap(memory_, sizeof(T)); }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

    T* operator->() const { return static_cast<T*>(memory_); }
    T& operator*() const { return *static_cast<T*>(memory_); }

  private:
    void* memory_;
};

}  // namespace sockdog::testing
