#include "probe/layout.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string_view>

#include "bpf/sockdog.h"

namespace sockdog {
namespace {

/// FNV-1a, 64 bits: there is no adversary, only chance (whoever writes below /sys/fs/bpf is root already).
class Digest {
  public:
    void add(const void* data, std::size_t size) {
        const auto* bytes = static_cast<const unsigned char*>(data);
        for (std::size_t i = 0; i < size; i++) hash_ = (hash_ ^ bytes[i]) * 0x100000001b3ULL;
    }
    void add(std::uint64_t number) {
        std::array<unsigned char, 8> bytes;  // the same on every byte order
        for (unsigned char& byte : bytes) {
            byte = static_cast<unsigned char>(number);
            number >>= 8;
        }
        add(bytes.data(), bytes.size());
    }
    void add(std::string_view text) {
        add(text.size());
        add(text.data(), text.size());
    }
    [[nodiscard]] std::string name() const {
        std::array<char, 17> text;
        std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash_));
        return text.data();
    }

  private:
    std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

/// Goes down into structs, arrays and sections of variables.
class TypeDigest {
  public:
    TypeDigest(const btf* types, Digest& digest) : types_(types), digest_(digest) {}

    void add(std::uint32_t id) {
        const btf_type* type = id == 0 ? nullptr : btf__type_by_id(types_, id);
        if (type == nullptr) return digest_.add(std::uint64_t{0});
        digest_.add(btf_kind(type));
        digest_.add(name(type->name_off));
        // A type within itself, by a pointer: once is enough.
        if (!open_.insert(id).second) return;
        add_contents(id, type);
        open_.erase(id);
    }

  private:
    std::string_view name(std::uint32_t offset) const {
        const char* const text = btf__name_by_offset(types_, offset);
        return text == nullptr ? "" : text;
    }

    void add_contents(std::uint32_t id, const btf_type* type) {
        if (btf_is_composite(type)) {
            digest_.add(type->size);
            for (std::uint32_t i = 0; i < btf_vlen(type); i++) {
                const btf_member& member = btf_members(type)[i];
                digest_.add(name(member.name_off));
                digest_.add(btf_member_bit_offset(type, i));
                digest_.add(btf_member_bitfield_size(type, i));
                add(member.type);
            }
        } else if (btf_is_datasec(type)) {
            for (std::uint32_t i = 0; i < btf_vlen(type); i++) {
                const btf_var_secinfo& variable = btf_var_secinfos(type)[i];
                digest_.add(variable.offset);
                digest_.add(variable.size);
                add(variable.type);
            }
        } else if (btf_is_array(type)) {
            digest_.add(btf_array(type)->nelems);
            add(btf_array(type)->type);
        } else if (btf_is_int(type) || btf_is_any_enum(type)) {
            digest_.add(static_cast<std::uint64_t>(btf__resolve_size(types_, id)));
        } else if (btf_is_var(type) || btf_is_mod(type) || btf_is_typedef(type) || btf_is_ptr(type)) {
            add(type->type);
        }
    }

    const btf* types_;
    Digest& digest_;
    std::set<std::uint32_t> open_;
};

}  // namespace

bool is_constants(const char* map_name) {
    return std::string_view(map_name).ends_with(".rodata");
}

std::string layout_name(const bpf_object* object) {
    Digest digest;
    digest.add(SOCKDOG_LAYOUT_REVISION);
    TypeDigest types(bpf_object__btf(object), digest);
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        if (is_constants(bpf_map__name(map))) continue;
        digest.add(std::string_view(bpf_map__name(map)));
        for (const std::uint32_t property :
             {static_cast<std::uint32_t>(bpf_map__type(map)), bpf_map__key_size(map),
              bpf_map__value_size(map), bpf_map__max_entries(map), bpf_map__map_flags(map)})
            digest.add(property);
        types.add(bpf_map__btf_key_type_id(map));
        types.add(bpf_map__btf_value_type_id(map));
    }
    return digest.name();
}

std::string content_name(const void* data, std::size_t size) {
    Digest digest;
    digest.add(data, size);
    return digest.name();
}

}  // namespace sockdog
