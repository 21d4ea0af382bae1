#include "storage/raft_log/log_store.hpp"
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace actord;

namespace {

struct folder {
  std::string path;
  folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "actord-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~folder() {
    std::error_code ec;
    std::filesystem::remove_all(path, ec);
  }
};
std::unique_ptr<log_store> open_log(const folder& f) {
  auto l = log_store::open(f.path + "/raft");
  REQUIRE(l.ok());
  return std::move(*l);
}
log_record entry(uint64_t i, uint64_t term, std::string_view payload = "x") { return {raft_index{i}, raft_term{term}, 1, payload}; }
log_batch run_of(uint64_t from, uint64_t to, uint64_t term) {
  log_batch b;
  for (auto i = from; i <= to; ++i) b.append.push_back(entry(i, term));
  return b;
}
bool write(log_store& l, log_batch b) { return l.write({&b, 1}).ok(); }

} // namespace

TEST_CASE("what was written is read back, also after a restart") {
  folder f;
  auto l = open_log(f);
  CHECK(l->first_index().v == 1);
  CHECK(l->last_index().v == 0);
  auto b = run_of(1, 5, 2);
  b.append[2].payload = "the third";
  b.hard = std::pair{raft_term{2}, std::string("me")};
  CHECK(write(*l, b));
  l.reset();
  l = open_log(f);
  CHECK(l->last_index().v == 5);
  CHECK(l->hard_state() == std::pair{raft_term{2}, std::string("me")});
  auto got = l->entries(raft_index{2}, raft_index{4}, 1000);
  REQUIRE(got.ok());
  REQUIRE(got->size() == 3);
  CHECK((*got)[1].payload == "the third");
  CHECK((*got)[1].kind == 1);
  CHECK(l->entries(raft_index{1}, raft_index{5}, 1)->size() == 2);
  CHECK(l->bytes_since_cut() == 13);
  CHECK_FALSE(l->entries(raft_index{6}, raft_index{6}, 1).ok());
}

TEST_CASE("many batches are one sync, and later ones see earlier ones") {
  folder f;
  auto l = open_log(f);
  std::vector<log_batch> batches{run_of(1, 10, 1), run_of(5, 6, 2), run_of(7, 7, 3)};
  CHECK(l->write(batches).ok());
  CHECK(l->sync_count() == 1);
  CHECK(l->last_index().v == 7);
  CHECK(l->term(raft_index{4})->v == 1);
  CHECK(l->term(raft_index{6})->v == 2);
  CHECK(l->bytes_since_cut() == 7);
}

TEST_CASE("a gap is refused and nothing of the batch is there") {
  folder f;
  auto l = open_log(f);
  std::vector<log_batch> batches{run_of(1, 3, 1), run_of(5, 6, 1)};
  CHECK_FALSE(l->write(batches).ok());
  CHECK(l->last_index().v == 0);
  CHECK(write(*l, run_of(1, 3, 1)));
}

TEST_CASE("a cut log starts behind the cut and knows the term at it") {
  folder f;
  auto l = open_log(f);
  CHECK(write(*l, run_of(1, 2500, 4)));
  CHECK(l->cut(raft_index{2300}).ok());
  CHECK(l->first_index().v == 2301);
  CHECK(l->compacted() == std::pair{raft_index{2300}, raft_term{4}});
  CHECK(l->term(raft_index{2300})->v == 4);
  CHECK_FALSE(l->term(raft_index{2299}).ok());
  CHECK(l->bytes_since_cut() == 200);
  CHECK(l->cut(raft_index{9999}).ok());
  l.reset();
  l = open_log(f);
  CHECK(l->compacted().first.v == 2500);
  CHECK(l->last_index().v == 2500);
  CHECK(write(*l, run_of(2501, 2501, 5)));
}

TEST_CASE("a restore drops everything and starts after its point") {
  folder f;
  auto l = open_log(f);
  CHECK(write(*l, run_of(1, 20, 1)));
  auto b = run_of(101, 102, 7);
  b.restore = std::pair{raft_index{100}, raft_term{6}};
  CHECK(write(*l, b));
  CHECK(l->first_index().v == 101);
  CHECK(l->last_index().v == 102);
  CHECK(l->term(raft_index{100})->v == 6);
}

TEST_CASE("a killed writer loses nothing that it was told is durable") {
  folder f;
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  auto child = ::fork();
  if (child == 0) {
    auto l = log_store::open(f.path + "/raft");
    for (uint64_t i = 1; l.ok(); ++i) {
      log_batch b;
      std::string payload(3000, static_cast<char>('a' + i % 26));
      b.append.push_back(entry(i, 1, payload));
      if (!(*l)->write({&b, 1})) ::_exit(1);
      if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
    }
    ::_exit(1);
  }
  ::close(pipe_ends[1]);
  uint64_t acknowledged = 0;
  while (acknowledged < 200 && ::read(pipe_ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {}
  ::kill(child, SIGKILL);
  for (uint64_t i; ::read(pipe_ends[0], &i, sizeof i) == sizeof i;) acknowledged = i;
  ::waitpid(child, nullptr, 0);
  ::close(pipe_ends[0]);
  auto l = open_log(f);
  REQUIRE(acknowledged >= 200);
  CHECK(l->last_index().v >= acknowledged);
  CHECK(l->last_index().v <= acknowledged + 1);
  for (uint64_t i = 1; i <= acknowledged; ++i)
    CHECK(l->entries(raft_index{i}, raft_index{i}, 1)->front().payload == std::string(3000, static_cast<char>('a' + i % 26)));
}

namespace {
std::string configurations(const log_store& l) {
  std::string out;
  for (auto& m : l.memberships()) {
    CHECK(m.kind == 2);
    out += std::to_string(m.index.v) + m.payload + " ";
  }
  return out;
}
log_batch with_members(uint64_t from, uint64_t to, uint64_t term, std::initializer_list<uint64_t> where) {
  auto b = run_of(from, to, term);
  for (auto i : where) {
    b.append[i - from].kind = 2;
    b.append[i - from].payload = term == 1 ? "a" : "b";
  }
  return b;
}
} // namespace

TEST_CASE("configurations are remembered with their entries, and go with them when a conflict cuts the log") {
  folder f;
  auto l = open_log(f);
  CHECK(configurations(*l).empty());
  CHECK(write(*l, with_members(1, 9, 1, {1, 4, 8})));
  CHECK(configurations(*l) == "1a 4a 8a ");
  CHECK(write(*l, with_members(6, 7, 2, {7})));
  CHECK(configurations(*l) == "1a 4a 7b ");
  CHECK(write(*l, run_of(4, 4, 3)));
  CHECK(configurations(*l) == "1a ");
  CHECK(l->memberships()[0].term.v == 1);
  l.reset();
  l = open_log(f);
  CHECK(configurations(*l) == "1a ");
}

TEST_CASE("cutting the log keeps the newest configuration of the part that went") {
  folder f;
  auto l = open_log(f);
  CHECK(write(*l, with_members(1, 2500, 1, {1, 4, 8, 2000, 2400})));
  CHECK(l->cut(raft_index{3}).ok());
  CHECK(configurations(*l) == "1a 4a 8a 2000a 2400a ");
  CHECK(l->cut(raft_index{8}).ok());
  CHECK(configurations(*l) == "8a 2000a 2400a ");
  CHECK(l->cut(raft_index{2300}).ok()); // in several pieces
  CHECK(configurations(*l) == "2000a 2400a ");
  l.reset();
  l = open_log(f);
  CHECK(configurations(*l) == "2000a 2400a ");
  CHECK(write(*l, run_of(2350, 2350, 2)));
  CHECK(configurations(*l) == "2000a "); // it holds at the cut, so a conflict behind it cannot touch it
}

TEST_CASE("a snapshot's configuration takes the place of all others") {
  folder f;
  auto l = open_log(f);
  CHECK(write(*l, with_members(1, 9, 1, {1, 4})));
  log_batch b = with_members(101, 103, 2, {102});
  b.restore = std::pair{raft_index{100}, raft_term{2}};
  b.restore_members.emplace(raft_index{90}, "c");
  CHECK(write(*l, b));
  CHECK(configurations(*l) == "90c 102b ");
  l.reset();
  l = open_log(f);
  CHECK(configurations(*l) == "90c 102b ");
  log_batch bare;
  bare.restore = std::pair{raft_index{200}, raft_term{2}};
  CHECK(write(*l, bare));
  CHECK(configurations(*l).empty());
}

TEST_CASE("an operator's configuration takes the place of all others until a leader writes the next one") {
  folder f;
  auto l = open_log(f);
  CHECK(write(*l, with_members(1, 9, 1, {1, 4, 8})));
  log_batch word;
  word.recover_members = "o";
  CHECK(write(*l, word));
  CHECK(configurations(*l) == "0o ");
  CHECK(l->last_index() == raft_index{9});
  l.reset();
  l = open_log(f);
  CHECK(configurations(*l) == "0o ");
  CHECK(write(*l, run_of(5, 9, 2))); // a conflict takes no word of an operator back
  CHECK(configurations(*l) == "0o ");
  CHECK(write(*l, with_members(10, 10, 3, {10})));
  CHECK(configurations(*l) == "0o 10b ");
}

TEST_CASE("a log that was read through at the start does not stay in memory") {
  const auto file_kib = [] { // pages of files in this process
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("RssFile:")) return std::strtol(line.c_str() + 8, nullptr, 10);
    return 0L;
  };
  folder f;
  {
    auto l = open_log(f);
    const std::string payload(60'000, 'p');
    for (uint64_t i = 0; i < 16; ++i) {
      log_batch b;
      for (uint64_t k = 1; k <= 50; ++k) b.append.push_back(entry(i * 50 + k, 1, payload));
      REQUIRE(write(*l, std::move(b)));
    }
  }
  const auto before = file_kib();
  auto l = open_log(f); // 48 MB
  CHECK(l->last_index().v == 800);
  CHECK(file_kib() < before + 8 * 1024);
}
