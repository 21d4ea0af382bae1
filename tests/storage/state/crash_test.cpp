// What the state survives: a killed process, a machine that went down (played by the mark's boot id), a damaged file.
#include "fixture.hpp"
#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace actord;
using namespace actord::test;

namespace {

void pretend_machine_crash(const std::string& folder) { std::ofstream(folder + "/run") << "another-boot\nopen\n"; }

void fill(state_store& s, uint64_t from, uint64_t to) {
  std::vector<apply_result> results;
  for (auto i = from; i <= to; ++i) {
    auto c = encode_kv_command(kv_set, "k/" + std::to_string(i), std::to_string(i));
    log_command one{raft_index{i}, c};
    REQUIRE(s.apply({&one, 1}, results).ok());
  }
}
size_t keys_in(state_store& s) {
  reader r(s);
  query_meta m;
  return r.open().kv_keys("k/", "", m).size();
}

} // namespace

TEST_CASE("before a state that is not trusted is thrown away, who opens it hears how far it had got, and may refuse") {
  scratch_folder folder;
  store_options o{.path = folder.path + "/state"};
  {
    auto s = open_store(o.path);
    fill(*s, 1, 40);
  }
  uint64_t heard = 0;
  bool refuses = true;
  o.before_rebuild = [&](raft_index reached) -> status {
    heard = reached.v;
    if (refuses) return error{errc::corrupt, "not yet"};
    return {};
  };
  REQUIRE(state_store::open(o).ok());
  CHECK(heard == 0); // it was trusted
  pretend_machine_crash(o.path);
  for (int n = 0; n < 2; ++n) {
    heard = 0;
    auto refused = state_store::open(o);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.err().text == "not yet");
    CHECK(heard == 40);
  }
  refuses = false;
  auto s = state_store::open(o);
  REQUIRE(s.ok());
  CHECK((*s)->applied_index().v == 0);
}

TEST_CASE("a process killed while it applies leaves whole batches and the index that belongs to them") {
  scratch_folder folder;
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  auto child = ::fork();
  if (child == 0) {
    auto s = state_store::open({.path = folder.path + "/state"});
    std::vector<apply_result> results;
    for (uint64_t i = 1; s.ok(); i += 2) { // two keys per batch, always both or none
      std::string a = encode_kv_command(kv_set, "k/" + std::to_string(i), std::string(2000, 'x'));
      std::string b = encode_kv_command(kv_set, "k/" + std::to_string(i + 1), "y");
      log_command both[]{{raft_index{i}, a}, {raft_index{i + 1}, b}};
      if (!(*s)->apply(both, results)) ::_exit(1);
      if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
    }
    ::_exit(1);
  }
  ::close(pipe_ends[1]);
  uint64_t seen = 0;
  while (seen < 2001 && ::read(pipe_ends[0], &seen, sizeof seen) == sizeof seen) {}
  ::kill(child, SIGKILL);
  for (uint64_t i; ::read(pipe_ends[0], &i, sizeof i) == sizeof i;) seen = i;
  ::waitpid(child, nullptr, 0);
  ::close(pipe_ends[0]);
  auto s = open_store(folder.path + "/state");
  CHECK(s->applied_index().v >= seen + 1);
  CHECK(s->applied_index().v % 2 == 0);
  CHECK(keys_in(*s) == s->applied_index().v);
  fill(*s, s->applied_index().v + 1, s->applied_index().v + 10);
}

TEST_CASE("after a crash of the machine the state is rebuilt from the newest snapshot") {
  scratch_folder folder;
  auto path = folder.path + "/state";
  {
    auto s = open_store(path);
    fill(*s, 1, 100);
    CHECK(s->write_snapshot()->v == 100);
    fill(*s, 101, 150);
    CHECK(s->write_snapshot()->v == 150);
    CHECK(s->snapshot_index().v == 150);
    fill(*s, 151, 160);
  }
  std::ofstream(path + "/snapshot.tmp") << "half a snapshot";
  {
    auto s = open_store(path);
    CHECK(s->applied_index().v == 160); // closed in order: trusted
    CHECK(keys_in(*s) == 160);
    CHECK_FALSE(std::filesystem::exists(path + "/snapshot.tmp"));
  }
  pretend_machine_crash(path);
  auto s = open_store(path);
  CHECK(s->applied_index().v == 150);
  CHECK(s->snapshot_index().v == 150);
  CHECK(keys_in(*s) == 150);
  fill(*s, 151, 200);
  CHECK(keys_in(*s) == 200);
}

TEST_CASE("without a snapshot a distrusted state starts empty, and the log brings everything back") {
  scratch_folder folder;
  auto path = folder.path + "/state";
  { fill(*open_store(path), 1, 20); }
  pretend_machine_crash(path);
  CHECK(open_store(path)->applied_index().v == 0);
}

TEST_CASE("a damaged database is replaced by the snapshot") {
  scratch_folder folder;
  auto path = folder.path + "/state";
  {
    auto s = open_store(path);
    fill(*s, 1, 20);
    REQUIRE(s->write_snapshot().ok());
  }
  std::ofstream(path + "/data.mdb", std::ios::trunc) << std::string(8192, '!');
  auto s = open_store(path);
  CHECK(s->applied_index().v == 20);
  CHECK(keys_in(*s) == 20);
}

TEST_CASE("snapshots and reads go on while entries are applied") {
  scratch_folder folder;
  auto s = open_store(folder.path + "/state");
  fill(*s, 1, 500);
  std::atomic<bool> done{false};
  uint64_t last_snapshot = 0;
  std::thread snapshots([&] {
    while (!done) {
      auto i = s->write_snapshot();
      if (i.ok()) last_snapshot = i->v;
    }
  });
  std::vector<std::thread> readers;
  std::atomic<int> wrong{0};
  for (int n = 0; n < 2; ++n)
    readers.emplace_back([&] {
      reader r(*s);
      while (!done) {
        auto view = r.open();
        query_meta m;
        if (view.kv_keys("k/", "", m).size() != view.applied_index().v) ++wrong;
      }
    });
  fill(*s, 501, 1500);
  done = true;
  snapshots.join();
  for (auto& t : readers) t.join();
  CHECK(wrong == 0);
  CHECK(last_snapshot >= 500);
  CHECK(s->snapshot_index().v == last_snapshot);
}
