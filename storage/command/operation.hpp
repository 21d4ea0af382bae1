// Which operation of its kind a command is, read off its bytes.
#pragma once
#include <string_view>

namespace actord {

// "set", "create", "reap"; "" where there is none.
std::string_view op_of(std::string_view command);

} // namespace actord
