// What two sockdogds must agree on before one may take up the other's books, as a name. Private to the room.
// Any thread.
#pragma once

#include <cstddef>
#include <string>

struct bpf_object;

namespace sockdog {

/// 16 hex digits over every map of `object` (opened and sized, loaded or not): its type, sizes and flags, and
/// names, offsets and sizes of all that BTF knows of its keys and values, variables included. Constants are
/// left out: each instance of the programs has its own.
std::string layout_name(const bpf_object* object);

/// 16 hex digits over bytes: what programs are known by.
std::string content_name(const void* data, std::size_t size);

/// Constants are frozen with the programs that read them; every other map lives in the books.
bool is_constants(const char* map_name);

}  // namespace sockdog
