#include "runtime/base/machine_memory.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

using namespace actord;

namespace {

struct machine {
  std::string root;
  machine() {
    std::string pattern = (std::filesystem::temp_directory_path() / "actord-memory-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
    write("/proc/meminfo", "MemTotal:        8000000 kB\nMemFree:          100000 kB\n");
  }
  ~machine() { std::filesystem::remove_all(root); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }
};

} // namespace

TEST_CASE("usable memory is the machine's, or what the narrowest of the groups around us leaves") {
  machine m;
  CHECK(usable_memory(m.root) == 8000000ULL * 1024);
  m.write("/proc/self/cgroup", "0::/a.slice/b.scope\n");
  m.write("/sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n");
  CHECK(usable_memory(m.root) == 8000000ULL * 1024);
  m.write("/sys/fs/cgroup/a.slice/memory.max", "536870912\n");
  CHECK(usable_memory(m.root) == 512 << 20);
  m.write("/sys/fs/cgroup/a.slice/b.scope/memory.max", "268435456\n");
  CHECK(usable_memory(m.root) == 256 << 20);
  m.write("/proc/self/cgroup", "0::/\n"); // in a container, whose group is the root
  m.write("/sys/fs/cgroup/memory.max", "134217728\n");
  CHECK(usable_memory(m.root) == 128 << 20);
}

TEST_CASE("groups of the first version count as well, and what cannot be read does not") {
  machine m;
  m.write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x/y\nnonsense\n");
  m.write("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1073741824\n");
  CHECK(usable_memory(m.root) == 1 << 30);
  CHECK(usable_memory(m.root + "/nowhere") == 0);
  CHECK(usable_memory() > 0);
}
