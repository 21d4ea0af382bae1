#include "runtime/base/machine_memory.hpp"
#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sys/resource.h>

namespace actord {

namespace {

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  uint64_t n = 0;
  if (!(file >> text)) return {};
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (bad != std::errc() || end != text.data() + text.size()) return {}; // "max"
  return n;
}

// A group is bounded by all that it is in.
void narrow_by_groups(uint64_t& least, const std::string& mount, std::string group, const char* file) {
  for (;;) {
    if (const auto n = number_in(mount + group + "/" + file); n && *n > 0) least = std::min(least, *n);
    const auto slash = group.rfind('/');
    if (slash == group.npos) return;
    group.resize(slash);
  }
}

} // namespace

uint64_t usable_memory(const std::string& root) {
  uint64_t least = UINT64_MAX;
  std::ifstream meminfo(root + "/proc/meminfo");
  for (std::string key; meminfo >> key;) {
    uint64_t kilobytes = 0;
    if (key == "MemTotal:" && meminfo >> kilobytes) least = kilobytes * 1024;
  }
  std::ifstream groups(root + "/proc/self/cgroup"); // "0::/path" or "4:memory:/path"
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const auto kinds = "," + line.substr(first + 1, second - first - 1) + ",";
    auto path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (kinds == ",,") narrow_by_groups(least, root + "/sys/fs/cgroup", path, "memory.max");
    else if (kinds.find(",memory,") != kinds.npos) narrow_by_groups(least, root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
  }
  if (root.empty())
    for (const auto what : {RLIMIT_AS, RLIMIT_DATA}) {
      rlimit limit{};
      if (::getrlimit(what, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) least = std::min<uint64_t>(least, limit.rlim_cur);
    }
  return least == UINT64_MAX ? 0 : least;
}

uint64_t usable_descriptors() {
  rlimit l{};
  return ::getrlimit(RLIMIT_NOFILE, &l) == 0 ? l.rlim_cur : 1024;
}

} // namespace actord
