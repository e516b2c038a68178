// The files of the page, as user/web/page has them. Any thread.
#pragma once

#include <string_view>

namespace sockdog::page {

std::string_view index_html();
std::string_view page_css();
std::string_view page_js();

}  // namespace sockdog::page
