#include "runtime/base/files.hpp"
#include "runtime/config/node_id.hpp"
#include <cerrno>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace actord {
namespace {

constexpr std::string_view spaces = " \t\n\v\f\r";

error broken(std::string text) { return {errc::internal, std::move(text)}; }

// What a crash of the machine leaves of a file that was not synced: nothing, or zeros.
bool is_blank(std::string_view text) { return text.find_first_not_of(std::string_view("\0 \t\r\n", 5)) == std::string_view::npos; }

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

result<node_id_state> node_id_file(const std::string& data_dir) {
  const auto text = read_file(data_dir + "/node-id", 4096);
  if (!text) return text.err();
  return !*text ? node_id_state::absent : is_blank(**text) ? node_id_state::blank : node_id_state::there;
}

result<std::string> load_or_create_node_id(const std::string& data_dir, bool replace_blank, string_list& warnings) {
  const auto path = data_dir + "/node-id";
  auto text = read_file(path, 4096);
  if (!text) return broken("failed to setup node ID: " + text.err().text);
  const bool blank = *text && is_blank(**text);
  if (*text && !(blank && replace_blank)) {
    const auto first = (*text)->find_first_not_of(spaces), last = (*text)->find_last_not_of(spaces); // as Go's TrimSpace
    std::string id = first == std::string::npos ? std::string() : (*text)->substr(first, last - first + 1);
    if (!is_uuid(id))
      return broken(fmt::format("failed to setup node ID: NodeID in {} is invalid: \"{}\" is not a valid UUID{}", path, blank ? "" : id,
                                blank ? "; a server's identity is not made up again: put the id back that the other servers know it by (consul operator raft list-peers), or "
                                        "start it with an empty data directory"
                                      : ""));
    for (auto& ch : id) ch = static_cast<char>(ch >= 'A' && ch <= 'F' ? ch | 0x20 : ch);
    return id;
  }
  auto id = fresh_uuid();
  if (!id) return id.err();
  if (blank) warnings.push_back(fmt::format("The node ID file is empty, as a crash of the machine leaves it; a new ID was made: file={} id={}", path, *id));
  if (mkdir(data_dir.c_str(), 0755) != 0 && errno != EEXIST) return file_error("failed to setup node ID: mkdir", data_dir);
  if (auto s = replace_file(path, *id); !s) return broken("failed to setup node ID: " + s.err().text);
  return id;
}

result<std::string> load_or_create_node_id(const std::string& data_dir) {
  string_list ignored;
  return load_or_create_node_id(data_dir, false, ignored);
}

result<std::string> resolve_node_id(const node_config& config) {
  string_list ignored;
  return resolve_node_id(config, ignored);
}

result<std::string> resolve_node_id(const node_config& config, string_list& warnings) {
  if (!config.node_id.empty()) return config.node_id;
  if (config.data_dir.empty()) return fresh_uuid();
  // To the other servers a server is its ID.
  const bool known_to_others = config.server && (access((config.data_dir + "/raft/data.mdb").c_str(), F_OK) == 0 || errno != ENOENT);
  return load_or_create_node_id(config.data_dir, !known_to_others, warnings);
}

} // namespace actord
