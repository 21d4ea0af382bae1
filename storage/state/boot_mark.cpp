#include "storage/state/boot_mark.hpp"
#include "runtime/base/files.hpp"
#include "storage/state/clone_file.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace actord::state {

namespace {

constexpr size_t most_mark_bytes = 1 << 20;

error failed(const std::string& what, const std::string& path) {
  auto code = errno == ENOSPC || errno == EDQUOT ? errc::storage_full : errc::internal;
  return {code, what + " " + path + ": " + std::strerror(errno)};
}

} // namespace

std::string current_boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

result<bool> read_mark(const std::string& folder, boot_mark& out) {
  const auto text = read_file(folder + "/run", most_mark_bytes);
  if (!text && text.err().code == errc::too_large) return false; // none of ours
  if (!text) return text.err();
  if (!*text) return false;
  std::istringstream in(**text);
  std::string word;
  if (!std::getline(in, out.boot_id) || !std::getline(in, word)) return false;
  out.clean = word == "clean";
  out.differs = word == "differs";
  if ((word == "damaged" || out.differs) && !std::getline(in, out.damage)) out.damage = "it was found damaged";
  return out.clean || word == "open";
}

std::string text_of(const boot_mark& m) {
  if (m.damage.empty()) return m.boot_id + "\n" + (m.clean ? "clean" : "open") + "\n";
  auto line = m.damage;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return m.boot_id + (m.differs ? "\ndiffers\n" : "\ndamaged\n") + line + "\n";
}

// Half a mark is none, so it may be written over.
status write_mark(const std::string& folder, const boot_mark& m) { return replace_or_overwrite(folder + "/run", text_of(m)); }

bool can_trust(const boot_mark& left, const std::string& now) { return left.clean || (!now.empty() && left.boot_id == now); }

status sync_folder(const std::string& folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("opening", folder);
  int rc = ::fsync(fd);
  auto s = rc == 0 ? status{} : status{failed("syncing", folder)};
  ::close(fd);
  return s;
}

status copy_file(const std::string& from, const std::string& to) {
  if (auto s = clone_file(from, to); !s) return s;
  int fd = ::open(to.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed("opening", to);
  int rc = ::fsync(fd);
  auto s = rc == 0 ? status{} : status{failed("syncing", to)};
  ::close(fd);
  return s;
}

} // namespace actord::state
