#include "runtime/base/equal_fold.hpp"
#include <algorithm>
#include <cctype>

namespace actord {

bool equal_fold(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

} // namespace actord
