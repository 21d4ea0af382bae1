#include "runtime/node/start_pages.hpp"
#include <charconv>
#include <fstream>
#include <malloc.h>
#include <string>
#include <string_view>
#include <sys/mman.h>

namespace actord {

namespace {

// "559c1a-559c2b r-xp …": only code that comes from a file is clean, so that dropping it loses nothing. Read-only data is left
// alone: some of it was relocated and exists nowhere else.
bool code_range(std::string_view line, uintptr_t& from, uintptr_t& to) {
  const auto dash = line.find('-'), space = line.find(' ');
  if (dash == line.npos || space == line.npos || dash > space) return false;
  if (line.substr(space + 1, 4) != "r-xp" || line.find('/') == line.npos) return false;
  auto number = [](std::string_view s, uintptr_t& out) { return std::from_chars(s.data(), s.data() + s.size(), out, 16).ec == std::errc{}; };
  return number(line.substr(0, dash), from) && number(line.substr(dash + 1, space - dash - 1), to);
}

} // namespace

void release_start_pages() {
  ::malloc_trim(0);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t from = 0, to = 0;
    if (code_range(line, from, to)) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
}

} // namespace actord
