// A start with a Raft log and a state that do not fit.
#include "runtime/node/damaged_state.hpp"
#include "actors/raft/core/wire.hpp"
#include "runtime/base/files.hpp"
#include "runtime/node/damaged_log.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

using namespace actord;
namespace fs = std::filesystem;

namespace {

constexpr const char *one = "11111111-1111-1111-1111-111111111111", *two = "22222222-2222-2222-2222-222222222222";

struct server {
  std::string path;
  node_config config;
  std::unique_ptr<log_store> log;
  std::unique_ptr<state_store> state;
  error refused;

  // Has applied five entries and stopped.
  explicit server(std::vector<std::string> voters) {
    path = (fs::temp_directory_path() / "damaged-state-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    config.node_id = one;
    config.data_dir = path;
    raft::membership m;
    m.voters.assign(voters.begin(), voters.end());
    raft::encode(m, members_);
    write_log(5);
    auto opened = state_store::open({.path = path + "/state"});
    REQUIRE(opened.ok());
    for (uint64_t i = 1; i <= 5; ++i) {
      std::vector<apply_result> results;
      const log_command nothing{raft_index{i}, {}};
      REQUIRE((*opened)->apply({&nothing, 1}, results).ok());
    }
  }
  ~server() {
    log.reset(), state.reset();
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  // In place of whatever log there is.
  void write_log(uint64_t last) {
    fs::remove_all(path + "/raft");
    auto opened = log_store::open(path + "/raft");
    REQUIRE(opened.ok());
    log_batch b;
    b.hard.emplace(raft_term{3}, one);
    b.append.push_back({raft_index{1}, raft_term{3}, 2, members_});
    for (uint64_t i = 2; i <= last; ++i) b.append.push_back({raft_index{i}, raft_term{3}, 0, {}});
    REQUIRE((*opened)->write({&b, 1}).ok());
  }
  void lose_power() { fs::remove(path + "/state/run"); }
  bool start() {
    log.reset(), state.reset();
    auto opened = open_log(config, path);
    if (!opened) return refused = opened.err(), false;
    log = std::move(*opened);
    auto fits = open_state(config, path, log);
    if (!fits) return refused = fits.err(), log.reset(), false;
    state = std::move(*fits);
    return true;
  }
  bool recovers() const { return !recovery_mark(path)->empty(); }

private:
  std::string members_;
};

} // namespace

TEST_CASE("a log that is whole is no short one, also where the state has to be rebuilt") {
  for (auto& voters : {std::vector<std::string>{one}, {one, two}}) {
    server s(voters);
    s.lose_power();
    REQUIRE(s.start());
    CHECK(s.state->applied_index().v == 0);
    CHECK(s.log->last_index().v == 5);
    CHECK_FALSE(s.recovers());
  }
}

TEST_CASE("a log that ends before what a state had applied that is not trusted is a damaged one: the others restore it") {
  server s({one, two});
  s.write_log(2);
  s.lose_power();
  REQUIRE(s.start());
  CHECK(s.recovers());
  CHECK(s.state->applied_index() == s.log->last_index());
  CHECK(s.log->hard_state().first.v == 3);
  REQUIRE(s.start()); // and it stays so
  CHECK(s.recovers());
}

TEST_CASE("a start that ended after it had thrown away such a state leaves the mark behind") {
  server s({one, two});
  s.write_log(2);
  s.lose_power();
  auto log = log_store::open(s.path + "/raft");
  REQUIRE(log.ok());
  REQUIRE(admit_short_log(s.config, s.path, **log, raft_index{5}).ok());
  log->reset();
  fs::remove(s.path + "/state/data.mdb");
  REQUIRE(s.start());
  CHECK(s.recovers());
}

TEST_CASE("who is alone with such a log does not start without an operator's word, however often it is tried") {
  server s({one});
  s.write_log(2);
  s.lose_power();
  for (int n = 0; n < 3; ++n) {
    REQUIRE_FALSE(s.start());
    CHECK(s.refused.code == errc::corrupt);
    CHECK(s.refused.text.find("entries 3 to 5") != std::string::npos);
    CHECK(s.refused.text.find(s.path + "/raft/discard-damaged-log") != std::string::npos);
  }
  std::ofstream(s.path + "/raft/discard-damaged-log").put('x');
  REQUIRE(s.start());
  CHECK(s.log->last_index().v == 2);
  CHECK_FALSE(s.recovers());
  CHECK_FALSE(fs::exists(s.path + "/raft/discard-damaged-log"));
}
