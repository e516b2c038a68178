// Go's own table of functions and lines (pclntab), which every program of Go has, stripped ones too: its
// runtime prints tracebacks from it. Read through the file; written for tables that may be hostile. Source:
// runtime/symtab.go and internal/abi of Go 1.18 to 1.25.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "callsite/call_site.h"
#include "callsite/elf_file.h"

namespace sockdog {

/// Whether a program was made by Go.
bool has_go_lines(const ElfFile& file);

class GoLines {
  public:
    /// Nothing where there is no such table, or one of another version of its layout (Go 1.17 and earlier).
    /// The bytes of `file` outlive this.
    static std::optional<GoLines> parse(const ElfFile& file);

    /// `address` as in the file. Function, file and line, the rest is left empty. For code that was inlined
    /// the file and line are those of the inlined code, the function is the one it was inlined into. Nothing
    /// for what is not Go's code.
    [[nodiscard]] std::optional<CallFrame> find(std::uint64_t address) const;

  private:
    explicit GoLines(ByteSource& bytes) : bytes_(&bytes) {}
    struct Function {
        std::uint64_t entry = 0;  // address in the file
        std::uint64_t at = 0;     // of what is known of it, offset in the file
    };
    [[nodiscard]] std::optional<Function> function_at(std::uint64_t address) const;
    [[nodiscard]] std::string name_of(const Function& function) const;
    [[nodiscard]] std::optional<std::int64_t> value_at(const Function& function, std::uint32_t table,
                                                       std::uint64_t address) const;
    [[nodiscard]] std::string file_of(const Function& function, std::int64_t number) const;

    ByteSource* bytes_;
    std::uint64_t start_ = 0;  // of the table, offset in the file; what follows are offsets in the file, too
    std::uint64_t names_ = 0, units_ = 0, files_ = 0, values_ = 0, functions_ = 0;
    std::uint64_t count_ = 0;    // of functions
    std::uint64_t text_ = 0;     // address that the entries of functions are counted from
    std::uint32_t quantum_ = 1;  // bytes of the shortest instruction
};

}  // namespace sockdog
