#include "callsite/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/text.h"

namespace sockdog {
namespace {

constexpr std::size_t kMostSegments = 128;
constexpr std::size_t kMostSections = 4096;
constexpr std::size_t kMostSymbolTableBytes = 64U << 20;  // .symtab of a browser is about 40 MiB
constexpr std::size_t kMostRelocations = 64;              // of one kind
constexpr std::size_t kMostNoteBytes = 64U << 10;
constexpr std::size_t kMostSectionNameBytes = 1U << 20;  // of all sections

bool is_understood(const Elf64_Ehdr& header) {
    return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
           header.e_ident[EI_DATA] == ELFDATA2LSB && (header.e_type == ET_EXEC || header.e_type == ET_DYN) &&
           header.e_phentsize == sizeof(Elf64_Phdr);
}

/// Whole entries of a table; empty where it is not there or too large.
template <typename Entry>
std::vector<Entry> read_table(ByteSource& bytes, std::uint64_t offset, std::uint64_t size) {
    if (size > kMostSymbolTableBytes) return {};
    std::vector<Entry> entries(static_cast<std::size_t>(size / sizeof(Entry)));
    if (entries.empty() || !bytes.read(offset, entries.data(), entries.size() * sizeof(Entry))) return {};
    return entries;
}

std::string_view name_at(std::string_view names, std::uint32_t at) {
    if (at >= names.size()) return {};
    const std::string_view rest = names.substr(at);
    return rest.substr(0, rest.find('\0'));
}

std::size_t padded(std::size_t bytes) {
    return (bytes + 3) & ~std::size_t{3};
}

std::string build_id_in(std::string_view notes) {
    Elf64_Nhdr note;
    while (notes.size() >= sizeof note) {
        std::memcpy(&note, notes.data(), sizeof note);
        notes.remove_prefix(sizeof note);
        const std::size_t name = padded(note.n_namesz);
        const std::size_t content = padded(note.n_descsz);
        if (name > notes.size() || content > notes.size() - name) return {};
        if (note.n_type == NT_GNU_BUILD_ID && notes.starts_with(std::string_view("GNU\0", 4)) &&
            note.n_namesz == 4 && note.n_descsz > 0 && note.n_descsz <= 64) {
            const std::string_view id = notes.substr(name, note.n_descsz);
            return hex_of(std::span(reinterpret_cast<const unsigned char*>(id.data()), id.size()));
        }
        notes.remove_prefix(name + content);
    }
    return {};
}

}  // namespace

std::optional<ElfFile> ElfFile::parse(ByteSource& bytes) {
    const auto header = bytes.get<Elf64_Ehdr>(0);
    if (!header || !is_understood(*header) || header->e_phnum > kMostSegments) return std::nullopt;
    ElfFile file(bytes);
    file.machine_ = header->e_machine;
    file.names_ = header->e_shstrndx;
    file.entry_ = header->e_entry;
    file.position_independent_ = header->e_type == ET_DYN;
    for (const auto& raw :
         read_table<Elf64_Phdr>(bytes, header->e_phoff, header->e_phnum * sizeof(Elf64_Phdr)))
        file.segments_.push_back({.type = raw.p_type,
                                  .flags = raw.p_flags,
                                  .offset = raw.p_offset,
                                  .address = raw.p_vaddr,
                                  .file_bytes = raw.p_filesz,
                                  .memory_bytes = raw.p_memsz,
                                  .align = raw.p_align});
    if (file.segments_.empty()) return std::nullopt;
    if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum > kMostSections) return file;
    for (const auto& raw :
         read_table<Elf64_Shdr>(bytes, header->e_shoff, header->e_shnum * sizeof(Elf64_Shdr)))
        file.sections_.push_back({.type = raw.sh_type,
                                  .link = raw.sh_link,
                                  .name = raw.sh_name,
                                  .address = raw.sh_addr,
                                  .offset = raw.sh_offset,
                                  .bytes = raw.sh_size});
    return file;
}

void ElfFile::search(std::uint32_t table_type, std::span<const std::string_view> names,
                     std::vector<std::optional<ElfSymbol>>& found) const {
    for (const Section& section : sections_) {
        if (section.type != table_type || section.link >= sections_.size()) continue;
        const Section& strings = sections_[section.link];
        const auto text = bytes_->get_text(strings.offset, strings.bytes, kMostSymbolTableBytes);
        if (!text) continue;
        const auto symbols = read_table<Elf64_Sym>(*bytes_, section.offset, section.bytes);
        for (std::size_t i = 0; i < symbols.size(); i++) {
            if (symbols[i].st_shndx == SHN_UNDEF) continue;
            const std::string_view name = name_at(*text, symbols[i].st_name);
            const auto wanted = std::ranges::find(names, name);
            if (name.empty() || wanted == names.end()) continue;
            auto& place = found[static_cast<std::size_t>(wanted - names.begin())];
            if (place) continue;
            place = ElfSymbol{.value = symbols[i].st_value,
                              .bytes = symbols[i].st_size,
                              .is_thread_local = ELF64_ST_TYPE(symbols[i].st_info) == STT_TLS,
                              .dynamic_index = table_type == SHT_DYNSYM ? static_cast<std::uint32_t>(i) : 0};
        }
    }
}

std::vector<std::optional<ElfSymbol>> ElfFile::find(std::span<const std::string_view> names) const {
    std::vector<std::optional<ElfSymbol>> found(names.size());
    search(SHT_DYNSYM, names, found);
    const bool has_all = std::ranges::all_of(found, [](const auto& symbol) { return symbol.has_value(); });
    if (!has_all) search(SHT_SYMTAB, names, found);
    return found;
}

std::optional<ElfSymbol> ElfFile::find(std::string_view name) const {
    return find(std::span(&name, 1)).front();
}

template <typename Wanted>
std::vector<ElfRelocation> ElfFile::relocations(Wanted wanted) const {
    std::vector<ElfRelocation> relocations;
    for (const Section& section : sections_) {
        if (section.type != SHT_RELA) continue;
        for (const auto& raw : read_table<Elf64_Rela>(*bytes_, section.offset, section.bytes))
            if (wanted(raw) && relocations.size() < kMostRelocations)
                relocations.push_back({.type = static_cast<std::uint32_t>(ELF64_R_TYPE(raw.r_info)),
                                       .address = raw.r_offset,
                                       .addend = raw.r_addend});
    }
    return relocations;
}

std::vector<ElfRelocation> ElfFile::relocations_of(std::uint32_t dynamic_index) const {
    if (dynamic_index == 0) return {};
    return relocations([&](const Elf64_Rela& raw) { return ELF64_R_SYM(raw.r_info) == dynamic_index; });
}

std::vector<ElfRelocation> ElfFile::relocations_without_symbol(std::uint32_t type) const {
    return relocations([&](const Elf64_Rela& raw) {
        return ELF64_R_SYM(raw.r_info) == 0 && ELF64_R_TYPE(raw.r_info) == type;
    });
}

std::optional<ElfSection> ElfFile::section(std::string_view name) const {
    if (names_ >= sections_.size()) return std::nullopt;
    const auto names =
        bytes_->get_text(sections_[names_].offset, sections_[names_].bytes, kMostSectionNameBytes);
    if (!names) return std::nullopt;
    for (const Section& section : sections_)
        if (section.type != SHT_NOBITS && name_at(*names, section.name) == name)
            return ElfSection{.address = section.address, .offset = section.offset, .bytes = section.bytes};
    return std::nullopt;
}

std::string ElfFile::build_id() const {
    for (const ElfSegment& segment : segments_) {
        if (segment.type != PT_NOTE) continue;
        const auto notes = bytes_->get_text(segment.offset, segment.file_bytes, kMostNoteBytes);
        if (!notes) continue;
        if (std::string id = build_id_in(*notes); !id.empty()) return id;
    }
    return {};
}

std::optional<std::uint64_t> ElfFile::offset_of(std::uint64_t address) const {
    for (const ElfSegment& segment : segments_)
        if (segment.type == PT_LOAD && address >= segment.address &&
            address - segment.address < segment.file_bytes)
            return segment.offset + (address - segment.address);
    return std::nullopt;
}

std::optional<std::uint64_t> ElfFile::bias_in(const Mapping& mapping) const {
    constexpr std::uint64_t kPage = 4096;
    for (const ElfSegment& segment : segments_) {
        if (segment.type != PT_LOAD || (segment.flags & PF_X) == 0 || segment.file_bytes == 0) continue;
        const std::uint64_t first = segment.offset & ~(kPage - 1);
        if (mapping.offset < first || mapping.offset - first >= segment.file_bytes + kPage) continue;
        return mapping.start - mapping.offset + segment.offset - segment.address;
    }
    return std::nullopt;
}

}  // namespace sockdog
