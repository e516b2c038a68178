// What libbpf and the verifier said while an object was loaded, and whether tracefs is there. Private to the
// room. Loop thread.
#pragma once

#include <string>

namespace sockdog {

/// From now on libbpf's warnings are kept, of this thread and until the next call; they are logged at debug
/// only.
void begin_libbpf_words();

/// The verifier's verdict since then: the last line before its statistics; else the first line libbpf wrote.
std::string libbpf_verdict();

/// Programs on system calls can be loaded without tracefs, and not attached.
bool tracefs_present();

}  // namespace sockdog
