// Numbers as bytes: varints of seven bits, the low ones first. A reader that meets an end too early or a
// number too long says so once, at ok(), and reads zeros from there. Any thread. Private to the room.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sockdog {

class ByteWriter {
  public:
    void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }
    void number(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
        byte(static_cast<std::uint8_t>(value));
    }
    /// Small where the value is near zero, on either side.
    void offset(std::int64_t value) {
        number((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
    }
    void fixed(std::uint64_t value) {
        for (int i = 0; i < 8; ++i) byte(static_cast<std::uint8_t>(value >> (8 * i)));
    }
    void raw(std::string_view bytes) { bytes_ += bytes; }
    [[nodiscard]] std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

    std::uint8_t byte() {
        if (at_ >= bytes_.size()) {
            ok_ = false;
            return 0;
        }
        return static_cast<std::uint8_t>(bytes_[at_++]);
    }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t next = byte();
            value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
            if ((next & 0x80) == 0) return value;
        }
        ok_ = false;
        return 0;
    }
    std::int64_t offset() {
        const std::uint64_t value = number();
        return static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1)));
    }
    std::uint64_t fixed() {
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i) value |= static_cast<std::uint64_t>(byte()) << (8 * i);
        return value;
    }
    /// How many of something that takes a byte at least may still come; damage claims more.
    std::size_t count() {
        const std::uint64_t claimed = number();
        if (claimed <= bytes_.size() - at_) return static_cast<std::size_t>(claimed);
        ok_ = false;
        return 0;
    }
    [[nodiscard]] bool ok() const { return ok_; }
    /// Nothing was missing and nothing is left.
    [[nodiscard]] bool finished() const { return ok_ && at_ == bytes_.size(); }

  private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace sockdog
