// Go's %q, %+q and strconv.Unquote: the form in which Consul's texts show names.
#pragma once
#include <string>
#include <string_view>

namespace actord {

// Double quotes around; quotes, backslashes, control bytes and bytes that are no UTF-8 escaped as Go does.
std::string quote(std::string_view s);
// The same, and everything beyond ASCII as \u or \U.
std::string quote_ascii(std::string_view s);
// What a "…" or `…` literal stands for; false when it is none.
bool unquote(std::string_view literal, std::string& out);

} // namespace actord
