// A setting either does something or says that it does nothing: every row of the table against what the sources read.
#include "runtime/config/field_table.hpp"
#include "tests/support/tests_folder.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

using namespace actord;

namespace {

const std::filesystem::path root = std::filesystem::path(actord::test::tests_folder()).parent_path();

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Without the body of a function that only shows settings, or only refuses some values.
void cut(std::string& text, const std::string& head) {
  const auto from = text.find(head);
  if (from == std::string::npos) FAIL(head << " is no longer there");
  text.erase(from, text.find("\n}\n", from) - from);
}

bool is_word(char ch) { return std::isalnum(static_cast<unsigned char>(ch)) || ch == '_'; }

// The names read off a node_config: what follows "c.", "config.", "config_->" and the like.
void collect(const std::string& text, std::set<std::string>& names) {
  for (size_t at = 1; at + 1 < text.size(); ++at) {
    const bool arrow = text[at] == '>' && text[at - 1] == '-';
    if (text[at] != '.' && !arrow) continue;
    const size_t end = arrow ? at - 1 : at;
    size_t begin = end;
    while (begin > 0 && is_word(text[begin - 1])) --begin;
    const auto object = text.substr(begin, end - begin);
    if (object != "c" && object != "config" && object != "config_") continue;
    size_t stop = at + 1;
    while (stop < text.size() && is_word(text[stop])) ++stop;
    if (stop < text.size() && text[stop] != '(') names.insert(text.substr(at + 1, stop - at - 1));
  }
}

std::set<std::string> names_read() {
  std::set<std::string> names;
  size_t files = 0;
  for (auto* layer : {"actors", "api", "runtime", "storage"})
    for (auto& entry : std::filesystem::recursive_directory_iterator(root / layer)) {
      const auto path = entry.path().lexically_relative(root).string();
      if (path.starts_with("runtime/config/") || path == "runtime/node/tls_files.cpp" || (!path.ends_with(".cpp") && !path.ends_with(".hpp"))) continue;
      auto text = text_of(entry.path());
      if (path == "runtime/node/boot.cpp")
        for (auto* head : {"void print_banner(", "status check_startable("}) cut(text, head);
      collect(text, names);
      ++files;
    }
  REQUIRE(files > 400);
  return names;
}

// All members of node_config.
std::set<std::string> members_of_config() {
  std::set<std::string> out;
  std::istringstream lines(text_of(root / "runtime/config/node_config.hpp"));
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("struct node_config")) inside = true;
    if (line.starts_with("};")) inside = false;
    if (!inside || !line.starts_with("  ") || line.starts_with("  //")) continue;
    line.erase(std::min(line.find("//"), line.size()));
    if (const auto open = line.find('<'); open != std::string::npos) line.erase(open, line.rfind('>') + 1 - open);
    for (std::istringstream names(line); std::getline(names, line, ',');) { // "bool a = false, b = true;"
      line.erase(std::min(line.find_first_of("=;{"), line.size()));
      while (!line.empty() && !is_word(line.back())) line.pop_back();
      size_t from = line.size();
      while (from > 0 && is_word(line[from - 1])) --from;
      if (from < line.size()) out.insert(line.substr(from));
    }
  }
  return out;
}

// The member that a row names, by its path.
std::map<std::string, std::string> members_of_rows() {
  std::map<std::string, std::string> out;
  for (auto& entry : std::filesystem::directory_iterator(root / "runtime/config")) {
    if (!entry.path().filename().string().starts_with("fields_")) continue;
    const auto text = text_of(entry.path());
    constexpr std::string_view head = "row_maker(\"";
    for (auto at = text.find(head); at != std::string::npos; at = text.find(head, at + 1)) {
      const auto path = at + head.size(), quote = text.find('"', path);
      if (!text.substr(quote).starts_with("\", &c::")) continue;
      const auto member = quote + 7;
      out[text.substr(path, quote - path)] = text.substr(member, text.find(',', member) - member);
    }
  }
  return out;
}

// Rows whose value goes on under another name, which is what the rest of the program reads.
const std::map<std::string_view, std::string> resolved = {
    {"client_addr", "http_addrs"},          {"addresses.http", "http_addrs"},         {"addresses.dns", "dns_addrs"},
    {"ports.http", "http_addrs"},           {"ports.dns", "dns_addrs"},               {"serf_lan", "serf_bind_lan"},
    {"serf_wan", "serf_bind_wan"},          {"advertise_addr_wan", "serf_advertise_wan"},
    {"advertise_addr_ipv4", "tagged_addresses"},     {"advertise_addr_ipv6", "tagged_addresses"},
    {"advertise_addr_wan_ipv4", "tagged_addresses"}, {"advertise_addr_wan_ipv6", "tagged_addresses"},
    {"performance.raft_multiplier", "raft_heartbeat_timeout"},
};
// Old spellings, which the loader carries over; acl_datacenter turns ACLs on, with which no agent starts.
const std::set<std::string_view> carried = {"acl_agent_master_token", "acl_agent_token",   "acl_datacenter", "acl_default_policy", "acl_down_policy",
                                            "acl_master_token",       "acl_replication_token", "acl_token",  "acl_ttl", "acl_enable_key_list_policy",
                                            "enable_acl_replication"};
// Nothing here ever calls home, whatever these say.
const std::set<std::string_view> moot = {"disable_update_check", "disable_anonymous_signature"};
// Enterprise keys that are kept with autopilot's configuration, as Consul keeps them, and the segment that nobody may name.
const std::set<std::string_view> kept_only = {"segment", "autopilot.redundancy_zone_tag", "autopilot.disable_upgrade_migration",
                                              "autopilot.upgrade_version_tag"};

} // namespace

TEST_CASE("a setting is used outside of its own folder, or says that it has no effect") {
  const auto read = names_read();
  const auto members = members_of_rows();
  CHECK(members.size() > 180);
  size_t used = 0, silent = 0;
  for (auto& row : field_table()) {
    CAPTURE(row.path);
    if (carried.contains(row.path) || moot.contains(row.path) || row.state == support::internal) continue;
    const auto own = members.find(std::string(row.path));
    CHECK((row.member.index() == 0) == (own == members.end()));
    const auto other = resolved.find(row.path);
    if (row.state == support::active) {
      const auto name = other != resolved.end() ? other->second : own != members.end() ? own->second : "";
      CHECK_MESSAGE(read.contains(name), "nothing reads it: it wants .inert()");
      ++used;
    } else {
      CHECK_MESSAGE((own == members.end() || kept_only.contains(row.path) || !read.contains(own->second)), "it is read: take .inert() off, or its use");
      ++silent;
    }
  }
  CHECK(used > 130);
  CHECK(silent > 90);
}

TEST_CASE("what is worked out from the settings is read outside of their folder, or shown") {
  auto read = names_read();
  collect(text_of(root / "runtime/config/debug_config.cpp"), read);
  const auto rows = members_of_rows();
  auto members = members_of_config();
  CHECK(members.size() > 180);
  for (auto& [path, member] : rows) {
    CHECK_MESSAGE(members.contains(member), member);
    read.insert(member); // the case above looks at those
  }
  for (auto& member : members) CHECK_MESSAGE(read.contains(member), member << " is for nobody: delete it");
}
