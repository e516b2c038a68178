// The memory of a process that a fuzzer makes up: its input, over and over again, so that every pointer leads
// somewhere. As many reads as a real one would be allowed, and no more.
#pragma once

#include <span>

#include "callsite/byte_source.h"

namespace sockdog::fuzz {

class LoopedMemory final : public ByteSource {
  public:
    explicit LoopedMemory(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    bool read(std::uint64_t address, void* into, std::size_t bytes) override {
        if (bytes_.empty() || bytes > left_ || address == 0) return false;
        left_ -= bytes;
        for (std::size_t i = 0; i < bytes; i++)
            static_cast<std::uint8_t*>(into)[i] =
                bytes_[static_cast<std::size_t>((address + i) % bytes_.size())];
        return true;
    }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t left_ = 1U << 20;
};

}  // namespace sockdog::fuzz
