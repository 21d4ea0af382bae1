// The manual's pages, from the tables of commands and of settings. For deploy/packaging; the program itself does not need them.
#pragma once
#include <string>
#include <string_view>

namespace actord::cli {

// troff with man's macros; `date` as YYYY-MM-DD.
std::string man_page_of_commands(std::string_view date); // consul-actord(1)
std::string man_page_of_settings(std::string_view date); // consul-actord.hcl(5)

} // namespace actord::cli
