// The agent's files against those that a real Consul 1.8.7 wrote (fixtures/), and its journal against cuts.
#include "actors/agent/registration_files.hpp"
#include <algorithm>
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

const fs::path fixtures = fs::path(ACTORD_TESTS_DIR) / "actors/agent/fixtures";
constexpr int64_t when = 1795257000; // before the recorded state of "mem" expires

void restore_all(const std::string& data_dir, local_state& state, int64_t unix_now) {
  restore_services(data_dir, state);
  restore_checks(data_dir, state, 1h, unix_now);
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

TEST_CASE("a state that has expired is forgotten and its file removed") {
  folder f;
  fs::copy(fixtures, f.path, fs::copy_options::recursive);
  auto state = make_state();
  restore_all(f.path.string(), state, when + 100000);
  CHECK(state.checks().at("mem").record->status == "critical");
  CHECK_FALSE(fs::exists(f.path / check_state_path("mem")));
}

TEST_CASE("a registration from a configuration file wins over a persisted one, whose file goes") {
  folder f;
  fs::copy(fixtures, f.path, fs::copy_options::recursive);
  auto state = make_state();
  service_definition d;
  d.name = "sc";
  d.port = 1;
  REQUIRE(state.add_service(d, source::file, "", false, 1h).code == errc::none);
  restore_all(f.path.string(), state, when);
  CHECK(state.services().at("sc").record->port == 1);
  CHECK_FALSE(fs::exists(f.path / service_path("sc")));
}

TEST_CASE("a file that does not parse is skipped and stays") {
  folder f;
  fs::create_directories(f.path / "services");
  std::ofstream(f.path / "services" / "abc") << "{\"Token\":";
  auto state = make_state();
  restore_all(f.path.string(), state, when);
  CHECK(state.services().empty());
  CHECK(fs::exists(f.path / "services" / "abc"));
}

TEST_CASE("the journal gives back whole records up to the first that is cut or changed") {
  std::vector<file_change> all;
  std::string bytes;
  std::vector<size_t> ends;
  for (int i = 0; i < 20; ++i) {
    file_change c{"services/" + std::to_string(i), i % 3 ? std::optional<std::string>(std::string(static_cast<size_t>(i), 'x')) : std::nullopt};
    append_record(bytes, c);
    all.push_back(c);
    ends.push_back(bytes.size());
  }
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto back = read_records(std::string_view(bytes).substr(0, cut));
    const auto whole = static_cast<size_t>(std::count_if(ends.begin(), ends.end(), [&](size_t e) { return e <= cut; }));
    REQUIRE(back.size() == whole);
    for (size_t i = 0; i < whole; ++i) CHECK((back[i].path == all[i].path && back[i].content == all[i].content));
  }
  std::string changed = bytes;
  changed[ends[9] + 20] = '!';
  CHECK(read_records(changed).size() == 10);
}

TEST_CASE("a journal names only files of ours") {
  std::string bytes;
  append_record(bytes, {"../etc/passwd", "x"});
  append_record(bytes, {"services/../../x", "x"});
  append_record(bytes, {"checks/ok", "x"});
  CHECK(read_records(bytes).size() == 1);
}

TEST_CASE("what was appended is in its file after the next start, and settled journals are empty") {
  folder f;
  const std::string dir = f.path.string();
  {
    auto j = journal::open(dir);
    REQUIRE(j.ok());
    REQUIRE(j->append({{"services/a", "one"}, {"services/b", "two"}}, 2).ok());
    REQUIRE(j->append({{"services/a", std::nullopt}, {"checks/state/c", "three"}}, 4).ok());
    j->settled(2);
    CHECK_FALSE(j->empty());
  } // as after SIGKILL: nothing else was written
  {
    auto j = journal::open(dir);
    REQUIRE(j.ok());
    CHECK(slurp(f.path / "services/b") == "two");
    CHECK_FALSE(fs::exists(f.path / "services/a"));
    CHECK(slurp(f.path / "checks/state/c") == "three");
    CHECK(fs::status(f.path / "services").permissions() == fs::perms::owner_all);
    REQUIRE(j->append({{"services/d", "four"}}, 1).ok());
    j->settled(1);
    CHECK(j->empty());
  }
  for (auto& e : fs::directory_iterator(f.path)) CHECK_FALSE(e.path().filename().string().starts_with("agent-journal"));
}
