// Memory of a process that is not there: blocks that a test puts at addresses.
#pragma once

#include <cstring>
#include <map>
#include <string_view>
#include <vector>

#include "callsite/byte_source.h"

namespace sockdog::testing {

class FakeMemory final : public ByteSource {
  public:
    bool read(std::uint64_t address, void* into, std::size_t bytes) override {
        reads++;
        for (std::size_t i = 0; i < bytes; i++) {
            const auto found = bytes_.find(address + i);
            if (found == bytes_.end()) return false;
            static_cast<std::uint8_t*>(into)[i] = found->second;
        }
        return true;
    }
    template <typename T>
    void put(std::uint64_t address, T value) {
        put_text(address, {reinterpret_cast<const char*>(&value), sizeof value});
    }
    void put_text(std::uint64_t address, std::string_view text) {
        for (std::size_t i = 0; i < text.size(); i++)
            bytes_[address + i] = static_cast<std::uint8_t>(text[i]);
    }
    /// Zeroes that can be read.
    void reserve(std::uint64_t address, std::size_t bytes) { put_text(address, std::string(bytes, '\0')); }

    int reads = 0;

  private:
    std::map<std::uint64_t, std::uint8_t> bytes_;
};

}  // namespace sockdog::testing
