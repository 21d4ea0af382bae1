// The agent's files against those that a real Consul 1.8.7 wrote (fixtures/), and its journal against cuts.
#include "actors/agent/registration_files.hpp"
#include "tests/support/tests_folder.hpp"
#include <algorithm>
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace actord;
using namespace actord::agent;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct folder {
  fs::path path;
  folder() {
    std::string name = (fs::temp_directory_path() / "agent-files-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

std::string slurp(const fs::path& p) {
  std::ifstream in(p, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

local_state make_state(bool scripts = true) {
  local_state_options o;
  o.node_name = "oracle";
  o.remote_scripts = scripts;
  return local_state(o, prng(1));
}

const fs::path fixtures = fs::path(actord::test::tests_folder()) / "actors/agent/fixtures";
constexpr int64_t when = 1795257000; // before the recorded state of "mem" expires

restored_files restore_all(const std::string& data_dir, local_state& state, int64_t unix_now, const pending_files& pending = {}) {
  restored_files out;
  REQUIRE(restore_services(data_dir, pending, state, out).ok());
  REQUIRE(restore_checks(data_dir, pending, state, 1h, unix_now, out).ok());
  return out;
}

bool is_obsolete(const restored_files& r, const std::string& path) {
  return std::any_of(r.obsolete.begin(), r.obsolete.end(), [&](auto& c) { return c.path == path && !c.content; });
}

} // namespace

TEST_CASE("files of a real Consul are restored and written back byte for byte") {
  folder f;
  fs::copy(fixtures, f.path, fs::copy_options::recursive);
  auto state = make_state();
  restore_all(f.path.string(), state, when);
  CHECK(state.services().size() == 3);
  CHECK(state.services().at("sc-sidecar-proxy").record->locally_registered_as_sidecar);
  CHECK(state.checks().at("mem").record->status == "passing");
  CHECK(state.checks().at("mem").record->output == "hello");
  CHECK(state.checks().at("h1").record->status == "critical");
  CHECK(state.checks().at("h1").how->interval == 1s);
  CHECK(state.checks().at("_node_maintenance").record->type == "maintenance");
  CHECK(state.checks().at("service:w2:2").record->status == "critical"); // was persisted as passing: nobody knows now
  for (auto& [id, s] : state.services()) {
    CAPTURE(id);
    CHECK(service_file(s) == slurp(fixtures / service_path(id)));
  }
  for (const std::string id : {"h1", "service:sc-sidecar-proxy:1", "_node_maintenance"}) {
    CAPTURE(id);
    CHECK(check_file(state.checks().at(id)) == slurp(fixtures / check_path(id)));
  }
  CHECK(check_state_file(*state.checks().at("mem").record, 1795261275) == slurp(fixtures / check_state_path("mem")));
}

TEST_CASE("a state that has expired is forgotten, and its file is to be removed") {
  folder f;
  fs::copy(fixtures, f.path, fs::copy_options::recursive);
  auto state = make_state();
  const auto found = restore_all(f.path.string(), state, when + 100000);
  CHECK(state.checks().at("mem").record->status == "critical");
  CHECK(is_obsolete(found, check_state_path("mem")));
  CHECK(fs::exists(f.path / check_state_path("mem"))); // restoring touches nothing
}

TEST_CASE("a registration from a configuration file wins over a persisted one, whose file is to go") {
  folder f;
  fs::copy(fixtures, f.path, fs::copy_options::recursive);
  auto state = make_state();
  service_definition d;
  d.name = "sc";
  d.port = 1;
  REQUIRE(state.add_service(d, source::file, "", false, 1h).code == errc::none);
  const auto found = restore_all(f.path.string(), state, when);
  CHECK(state.services().at("sc").record->port == 1);
  CHECK(is_obsolete(found, service_path("sc")));
}

TEST_CASE("files under names that are not theirs get their own, and never stand in for what is kept") {
  folder f;
  fs::create_directories(f.path / "services");
  fs::create_directories(f.path / "checks/state");
  const auto service = [](const std::string& id, int port) { return R"({"Token":"","Service":{"ID":")" + id + R"(","Service":"w","Port":)" + std::to_string(port) + R"(},"Source":"remote"})"; };
  const auto check = [](const std::string& id, const std::string& notes) {
    return R"({"Check":{"Node":"n","CheckID":")" + id + R"(","Name":"c","Notes":")" + notes + R"("},"ChkType":{"TTL":100000000000},"Token":""})";
  };
  std::ofstream(f.path / service_path("kept")) << service("kept", 2);
  std::ofstream(f.path / "services/0-before") << service("kept", 1); // read first
  std::ofstream(f.path / "services/elsewhere") << service("moved", 3);
  std::ofstream(f.path / service_path("one")) << service("two", 5); // each other's names
  std::ofstream(f.path / service_path("two")) << service("one", 4);
  std::ofstream(f.path / check_path("kept")) << check("kept", "now");
  std::ofstream(f.path / "checks/0-before") << check("kept", "before");
  std::ofstream(f.path / "checks/elsewhere") << check("moved", "");
  std::ofstream(f.path / check_state_path("kept")) << R"({"CheckID":"kept","Output":"now","Status":"passing","Expires":9000000000})";
  std::ofstream(f.path / "checks/state/z-before") << R"({"CheckID":"kept","Output":"before","Status":"warning","Expires":9000000000})";
  for (int start = 0; start < 2; ++start) {
    auto state = make_state();
    auto found = restore_all(f.path.string(), state, when);
    CHECK(state.services().size() == 4);
    for (const auto& [id, port] : {std::pair("kept", 2), std::pair("moved", 3), std::pair("one", 4), std::pair("two", 5)}) CHECK(state.services().at(id).record->port == port);
    CHECK(state.checks().size() == 2);
    CHECK(state.checks().at("kept").record->notes == "now");
    CHECK(state.checks().at("kept").record->output == "now");
    CHECK(found.obsolete.empty() == (start > 0));
    pending_files last; // as the agent has it
    for (auto& c : found.obsolete) last[c.path] = c.content;
    std::vector<file_change> changes;
    for (auto& [path, content] : last) changes.push_back({path, content});
    REQUIRE(write_durably(f.path.string(), changes).ok());
  }
  for (const std::string id : {"kept", "moved", "one", "two"}) CHECK(slurp(f.path / service_path(id)).find("\"ID\":\"" + id + "\"") != std::string::npos);
  for (const auto* name : {"services/0-before", "services/elsewhere", "checks/0-before", "checks/elsewhere"}) CHECK_FALSE(fs::exists(f.path / name));
}

TEST_CASE("a TTL check whose file does not say how long is kept, and nobody can update it") {
  folder f;
  fs::create_directories(f.path / "checks/state");
  for (const std::string type : {"ttl", "alias", "http", "nonsense"}) {
    std::ofstream(f.path / check_path(type)) << R"({"Check":{"Node":"n","CheckID":")" + type + R"(","Name":"c","Status":"passing","Type":")" + type + R"("},"ChkType":null,"Token":""})";
    std::ofstream(f.path / check_state_path(type)) << R"({"CheckID":")" + type + R"(","Output":"o","Status":"passing","Expires":9000000000})";
  }
  auto state = make_state();
  restore_all(f.path.string(), state, when);
  REQUIRE(state.checks().size() == 4);
  state.tick(2h);
  for (auto& [id, c] : state.checks()) {
    CAPTURE(id);
    CHECK(c.record->status == "passing");
    CHECK(state.ttl_update(id, "warning", "o", 2h, when).code != errc::none);
  }
}

TEST_CASE("a file that does not parse is skipped and stays, and so does the check of what may be its service") {
  folder f;
  fs::create_directories(f.path / "services");
  fs::create_directories(f.path / "checks");
  std::ofstream(f.path / service_path("w")) << "{\"Token\":";
  std::ofstream(f.path / service_path("v")) << "{}";
  std::ofstream(f.path / check_path("service:w")) << R"({"Check":{"Node":"n","CheckID":"service:w","Name":"c","ServiceID":"w"},"ChkType":{"TTL":1000000000},"Token":""})";
  auto state = make_state();
  const auto found = restore_all(f.path.string(), state, when);
  CHECK(state.services().empty());
  CHECK(state.checks().empty());
  CHECK(found.unusable == std::set<std::string, std::less<>>{service_path("w"), service_path("v"), check_path("service:w")});
  CHECK(found.obsolete.empty());
}

TEST_CASE("what cannot be read ends the restore with its path, and is not taken for nothing") {
  auto outcome = [](const folder& f) {
    auto state = make_state();
    restored_files out;
    auto s = restore_services(f.path.string(), {}, state, out);
    if (s) s = restore_checks(f.path.string(), {}, state, 1h, when, out);
    CHECK(out.obsolete.empty());
    return s ? "restored" : s.err().text;
  };
  folder nothing;
  CHECK(outcome(nothing) == "restored");
  for (const char* name : {"services", "checks"}) {
    folder f;
    std::ofstream(f.path / name) << "x";
    const auto path = (f.path / name).string();
    CHECK(outcome(f) == std::string("Failed reading ") + name + " dir \"" + path + "\": open " + path + ": not a directory");
  }
  // A link that leads to itself: nobody can read it, root neither.
  for (const char* name : {"services", "checks"}) {
    folder f;
    fs::create_directories(f.path / name);
    fs::create_symlink("x", f.path / name / "x");
    const auto path = (f.path / name / "x").string();
    CHECK(outcome(f) == "failed reading " + std::string(name, strlen(name) - 1) + " file \"" + path + "\": open " + path + ": too many levels of symbolic links");
  }
  // A link whose target is away: its name is there.
  for (const char* name : {"services", "checks"}) {
    folder f;
    fs::create_directories(f.path / name);
    fs::create_symlink("nowhere", f.path / name / "x");
    const auto path = (f.path / name / "x").string();
    CHECK(outcome(f) == "failed reading " + std::string(name, strlen(name) - 1) + " file \"" + path + "\": open " + path + ": no such file or directory");
  }
  folder states; // as in Consul: the check is critical until somebody says otherwise
  fs::copy(fixtures, states.path, fs::copy_options::recursive);
  fs::remove(states.path / check_state_path("mem"));
  fs::create_symlink("x", states.path / "checks/state/x");
  CHECK(outcome(states) == "restored");
  folder nowhere; // but where nobody knows which states there are, all checks would be told to be critical
  fs::create_directories(nowhere.path / "checks");
  std::ofstream(nowhere.path / "checks/state") << "x";
  const auto path = (nowhere.path / "checks/state").string();
  CHECK(outcome(nowhere) == "failed reading check states dir \"" + path + "\": open " + path + ": not a directory");
}

TEST_CASE("what is pending counts more than what is in files") {
  folder f;
  fs::copy(fixtures, f.path, fs::copy_options::recursive);
  pending_files pending;
  pending[service_path("sc")] = std::nullopt;
  pending[service_path("new")] = R"({"Token":"","Service":{"ID":"new","Service":"new"},"Source":"remote"})";
  auto state = make_state();
  (void)restore_all(f.path.string(), state, when, pending);
  CHECK_FALSE(state.services().contains("sc"));
  CHECK(state.services().contains("new"));
  CHECK(state.services().size() == 3);
}

TEST_CASE("what could not be written or removed is left over, and the rest is done") {
  folder f;
  fs::create_directories(f.path / "services/held/back"); // in the place of a file: can be neither replaced nor removed
  fs::create_directories(f.path / "services/kept/back");
  std::vector<file_change> changes{{"services/a", "one"}, {"services/held", std::nullopt}, {"services/kept", "two"}, {"checks/state/b", "three"}, {"checks/none", std::nullopt}};
  const auto s = write_durably(f.path.string(), changes);
  REQUIRE_FALSE(s.ok());
  CHECK(s.err().text == "remove " + (f.path / "services/held").string() + ": is a directory");
  REQUIRE(changes.size() == 2);
  CHECK((changes[0].path == "services/held" && !changes[0].content));
  CHECK((changes[1].path == "services/kept" && changes[1].content == "two"));
  CHECK(slurp(f.path / "services/a") == "one");
  CHECK(slurp(f.path / "checks/state/b") == "three");
  CHECK(fs::status(f.path / "checks").permissions() == fs::perms::owner_all);
  CHECK_FALSE(fs::exists(f.path / "agent-file.tmp"));
}

// ---- the journal on the disk ----

namespace {

std::vector<std::string> journals(const folder& f) {
  std::vector<std::string> out;
  for (auto& e : fs::directory_iterator(f.path))
    if (e.path().filename().string().starts_with("agent-journal")) out.push_back(e.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

pending_files left_in(const folder& f) {
  pending_files left;
  REQUIRE(journal::read(f.path.string(), left).ok());
  return left;
}

} // namespace

TEST_CASE("what was synced is found by the next process, the newest of each path, until it is settled") {
  folder f;
  pending_files left;
  {
    auto j = journal::read(f.path.string(), left);
    REQUIRE(j.ok());
    REQUIRE(j->ready().ok());
    REQUIRE(j->append({{"services/a", "one"}, {"services/b", "two"}}).ok());
    REQUIRE(j->append({{"services/a", std::nullopt}, {"checks/state/c", "three"}}).ok());
    REQUIRE(j->sync().ok());
    j->settled(2);
    CHECK_FALSE(j->empty());
    const auto seen = left_in(f); // as after SIGKILL
    CHECK(seen == pending_files{{"services/a", std::nullopt}, {"services/b", "two"}, {"checks/state/c", "three"}});
  }
  {
    auto j = journal::read(f.path.string(), left);
    REQUIRE(j.ok());
    CHECK(left.size() == 3);
    CHECK(journals(f).size() == 1); // reading changes nothing
    REQUIRE(j->ready().ok());
    REQUIRE(j->append({{"services/d", "four"}}).ok());
    CHECK(j->last_number() == 5);
    j->settled(4);
    CHECK(journals(f).size() == 1);
    REQUIRE(j->sync().ok());
    CHECK(left_in(f) == pending_files{{"services/d", "four"}});
    j->settled(5);
    CHECK(left_in(f).empty());
  }
  CHECK(journals(f).empty());
}

TEST_CASE("a journal of version 1 is read, and forgotten once it is settled") {
  folder f;
  std::string bytes("\x0e\0\0\0", 4), rest("\1\x0a\0services/aX", 14);
  uint64_t h = 14695981039346656037ULL;
  for (unsigned char c : rest) h = (h ^ c) * 1099511628211ULL;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(h >> (8 * i) & 0xff);
  bytes += rest;
  bytes.resize(2 * 1024 * 1024);
  std::ofstream(f.path / "agent-journal.7", std::ios::binary) << bytes;
  pending_files left;
  auto j = journal::read(f.path.string(), left);
  REQUIRE(j.ok());
  CHECK(left == pending_files{{"services/a", "X"}});
  REQUIRE(j->ready().ok());
  j->settled(j->last_number());
  CHECK(journals(f) == std::vector<std::string>{"agent-journal.v2.1"});
}

TEST_CASE("a damaged journal is kept aside once what it still says is settled") {
  folder f;
  pending_files left;
  {
    auto j = journal::read(f.path.string(), left);
    REQUIRE(j->ready().ok());
    REQUIRE(j->append({{"services/a", "one"}, {"services/b", "two"}, {"services/c", "three"}}).ok());
  }
  const auto path = f.path / journals(f).at(0);
  auto bytes = slurp(path);
  const auto at = bytes.find("two");
  bytes[at] = 'T';
  std::ofstream(path, std::ios::binary) << bytes;
  auto j = journal::read(f.path.string(), left);
  REQUIRE(j.ok());
  CHECK(left == pending_files{{"services/a", "one"}, {"services/c", "three"}});
  REQUIRE(j->ready().ok());
  CHECK(fs::exists(path));
  j->settled(j->last_number());
  CHECK_FALSE(fs::exists(path));
  const auto names = journals(f);
  REQUIRE(names.size() == 2);
  CHECK(names[0].starts_with("agent-journal.damaged-"));
  CHECK(slurp(f.path / names[0]) == bytes);
  CHECK(left_in(f).empty()); // and is not read again
}

TEST_CASE("a journal that cannot be read is no empty one") {
  folder f;
  fs::create_symlink("agent-journal.v2.1", f.path / "agent-journal.v2.1");
  pending_files left;
  const auto j = journal::read(f.path.string(), left);
  REQUIRE_FALSE(j.ok());
  CHECK(j.err().text == "open " + (f.path / "agent-journal.v2.1").string() + ": too many levels of symbolic links");
}

TEST_CASE("a journal that is larger than any of ours is not read into memory, and stays") {
  folder f;
  const auto path = f.path / "agent-journal.v2.1";
  std::ofstream(path).close();
  fs::resize_file(path, uint64_t{3} << 30); // takes no room
  pending_files left;
  const auto j = journal::read(f.path.string(), left);
  REQUIRE_FALSE(j.ok());
  CHECK(j.err().text == "read " + path.string() + ": larger than 268435456 bytes");
  CHECK(fs::file_size(path) == uint64_t{3} << 30);
}

TEST_CASE("a settled journal that cannot be removed says nothing any more") {
  folder f;
  pending_files left;
  {
    auto j = journal::read(f.path.string(), left);
    REQUIRE(j->ready().ok());
    REQUIRE(j->append({{"services/a", "old"}}).ok());
  }
  const auto old = f.path / journals(f).at(0);
  auto j = journal::read(f.path.string(), left);
  REQUIRE(j->ready().ok());
  const auto bytes = slurp(old);
  fs::remove(old);
  fs::create_directories(old / "held");
  j->settled(1); // cannot
  fs::remove_all(old);
  std::ofstream(old, std::ios::binary) << bytes;
  CHECK(left_in(f).empty());
}
