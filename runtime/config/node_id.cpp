#include "runtime/config/loader.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {
namespace {

error broken(std::string text) { return {errc::internal, std::move(text)}; }

// Through a temporary name, so that a crash leaves the whole id or none.
status write_whole(const std::string& path, const std::string& text) {
  const auto temporary = path + ".tmp";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return broken(fmt::format("open {}: {}", temporary, std::strerror(errno)));
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const int why = errno;
  close(fd);
  if (!written || rename(temporary.c_str(), path.c_str()) != 0) {
    const auto text_of_error = std::strerror(written ? errno : why);
    unlink(temporary.c_str());
    return broken(fmt::format("write {}: {}", path, text_of_error));
  }
  return {};
}

} // namespace

result<std::string> fresh_uuid() {
  unsigned char b[16];
  if (getrandom(b, sizeof b, 0) != sizeof b) return broken("Failed to read random bytes");
  std::string out;
  for (int i = 0; i < 16; ++i) out += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
  return out;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < 36; ++i) {
    const char ch = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F');
    if (dash ? ch != '-' : !hex) return false;
  }
  return true;
}

result<std::string> load_or_create_node_id(const std::string& data_dir) {
  const auto path = data_dir + "/node-id";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    char buffer[64];
    const auto n = read(fd, buffer, sizeof buffer);
    close(fd);
    std::string id(buffer, n > 0 ? static_cast<size_t>(n) : 0);
    while (!id.empty() && (id.back() == '\n' || id.back() == '\r' || id.back() == ' ')) id.pop_back();
    if (!is_uuid(id)) return broken(fmt::format("Failed to parse node ID file {}: \"{}\" is not a valid UUID", path, id));
    for (auto& ch : id) ch = static_cast<char>(ch >= 'A' && ch <= 'F' ? ch | 0x20 : ch);
    return id;
  }
  if (errno != ENOENT) return broken(fmt::format("open {}: {}", path, std::strerror(errno)));
  auto id = fresh_uuid();
  if (!id) return id.err();
  if (mkdir(data_dir.c_str(), 0755) != 0 && errno != EEXIST)
    return broken(fmt::format("mkdir {}: {}", data_dir, std::strerror(errno)));
  if (auto s = write_whole(path, *id); !s) return s.err();
  return id;
}

result<std::string> resolve_node_id(const node_config& config) {
  if (!config.node_id.empty()) return config.node_id;
  return config.data_dir.empty() ? fresh_uuid() : load_or_create_node_id(config.data_dir);
}

} // namespace actord
