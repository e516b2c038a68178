// Bytes of something that may be hostile, by address: the memory of a process, a file, a table in a test.
// Every parser of this room reads through it, so that each read is checked and all of them together are
// bounded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace sockdog {

class ByteSource {
  public:
    virtual ~ByteSource() = default;
    /// All of them or none. False where they are not there, or where too much was read already.
    virtual bool read(std::uint64_t address, void* into, std::size_t bytes) = 0;

    template <typename T>
    std::optional<T> get(std::uint64_t address) {
        static_assert(std::is_trivially_copyable_v<T>);
        T value{};
        if (!read(address, &value, sizeof value)) return std::nullopt;
        return value;
    }
    /// Nothing for more than `most` bytes.
    std::optional<std::vector<std::uint8_t>> get_bytes(std::uint64_t address, std::uint64_t bytes,
                                                       std::size_t most) {
        if (bytes > most) return std::nullopt;
        std::vector<std::uint8_t> content(static_cast<std::size_t>(bytes));
        if (!content.empty() && !read(address, content.data(), content.size())) return std::nullopt;
        return content;
    }
    std::optional<std::string> get_text(std::uint64_t address, std::uint64_t bytes, std::size_t most) {
        if (bytes > most) return std::nullopt;
        std::string text(static_cast<std::size_t>(bytes), '\0');
        if (!text.empty() && !read(address, text.data(), text.size())) return std::nullopt;
        return text;
    }
    /// Up to the NUL, which has to be among the first `most` bytes.
    std::optional<std::string> get_c_string(std::uint64_t address, std::size_t most) {
        std::string text;
        while (text.size() < most) {
            // In pieces that end where a page ends: what lies behind may not be there.
            char piece[64];
            const std::size_t size = std::min(sizeof piece - address % sizeof piece, most - text.size());
            if (!read(address, piece, size)) return std::nullopt;
            const void* end = std::memchr(piece, 0, size);
            if (end)
                return text.append(piece, static_cast<std::size_t>(static_cast<const char*>(end) - piece));
            text.append(piece, size);
            address += size;
        }
        return std::nullopt;
    }
};

/// Bytes at hand, from `start` up.
class MemoryBytes final : public ByteSource {
  public:
    explicit MemoryBytes(std::span<const std::uint8_t> bytes, std::uint64_t start = 0)
        : bytes_(bytes), start_(start) {}
    bool read(std::uint64_t address, void* into, std::size_t bytes) override {
        const std::uint64_t at = address - start_;
        if (address < start_ || at > bytes_.size() || bytes > bytes_.size() - at) return false;
        std::memcpy(into, bytes_.data() + at, bytes);
        return true;
    }

  private:
    std::span<const std::uint8_t> bytes_;
    std::uint64_t start_;
};

}  // namespace sockdog
