// Whose code a frame is, by where its file is. Pure functions, any thread.
#pragma once

#include <string_view>
#include <vector>

#include "callsite/call_site.h"

namespace sockdog {

/// By the file: of gems and site-packages, of the standard library, or the application's.
FrameOrigin origin_of_ruby(const CallFrame& frame);
FrameOrigin origin_of_python(const CallFrame& frame);
/// By module and source file. `executable`: path of the main program, as the process sees it; libraries below
/// its folder are the application's own, unless that is a folder of the system.
FrameOrigin origin_of_native(const CallFrame& frame, std::string_view executable);

/// Why no line is known in any program of that runtime, by the path of its executable; empty: it may be
/// known.
std::string_view unknown_in_all_of(std::string_view executable);

/// Why none of these frames is the application's, where that is how a library works; empty: not known.
std::string_view unknown_in(const std::vector<CallFrame>& frames);

/// Index of the innermost frame of the application; nothing: none.
std::optional<std::size_t> find_application_frame(const std::vector<CallFrame>& frames);

}  // namespace sockdog
