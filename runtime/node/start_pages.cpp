#include "runtime/node/start_pages.hpp"
#include <charconv>
#include <fstream>
#include <malloc.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

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

// Without what is mapped of files, the state's pages above all.
size_t own_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t all = 0, resident = 0, shared = 0;
  statm >> all >> resident >> shared;
  return statm && resident > shared ? (resident - shared) * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

constexpr size_t much = 8 << 20, growing = 1 << 20;

} // namespace

bool busy_memory::is_over(size_t bytes) {
  const size_t before = last_;
  last_ = bytes;
  kept_ = kept_ == 0 ? bytes : kept_ < bytes ? kept_ : bytes;
  return bytes > kept_ + much && bytes < before + growing;
}

void busy_memory::look() {
  if (!is_over(own_bytes())) return;
  ::malloc_trim(0);
  kept_ = last_ = own_bytes();
}

void release_start_pages() {
  ::malloc_trim(0);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t from = 0, to = 0;
    if (code_range(line, from, to)) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
}

} // namespace actord
