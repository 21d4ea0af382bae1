// Texts that are the same without regard to case (ASCII).
#pragma once
#include <string_view>

namespace actord {

bool equal_fold(std::string_view a, std::string_view b);

} // namespace actord
