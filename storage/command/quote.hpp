// Go's %q for the names in Consul's error texts.
#pragma once
#include <string>
#include <string_view>

namespace actord {

// Double quotes around; quotes, backslashes, control bytes and bytes that are no UTF-8 escaped as Go does.
std::string quote(std::string_view s);

} // namespace actord
