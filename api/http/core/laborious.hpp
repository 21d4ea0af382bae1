// Which filters are much work.
#pragma once
#include <string_view>

namespace actord {

// Whether compiling it, or trying it on a few hundred records, may take longer than others of a loop should wait: patterns do.
inline bool is_laborious(std::string_view filter) { return filter.size() > 512 || filter.find("matches") != filter.npos; }

} // namespace actord
