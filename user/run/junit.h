// A report as JUnit XML, for CI servers: a test case for each class that is clean, a failed one for each
// leak, a skipped one for each that the baseline knows. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "run/report.h"

namespace sockdog {

/// Text that may stand in XML 1.0 as content or attribute, whatever the bytes are.
std::string xml_escaped(std::string_view text);
/// A whole document.
std::string junit_xml(const RunReport& report);

}  // namespace sockdog
